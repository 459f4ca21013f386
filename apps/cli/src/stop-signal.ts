/** The signals that end the command. */
export interface StopSignal {
  /** Aborted by the first SIGINT (Ctrl-C), SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  /** Removes the handlers: further signals end the process. */
  dispose(): void;
}

/** How long to wait, after a signal, for output to a pipe that nobody reads. */
const FLUSH_LIMIT_MS = 2_000;

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Handles the signals. A second one ends the process at once. */
export function stopSignal(): StopSignal {
  const controller = new AbortController();
  const release = () => {
    for (const name of STOP_SIGNALS) process.off(name, onSignal);
  };
  const dispose = () => {
    release();
    if (controller.signal.aborted) setTimeout(() => process.exit(), FLUSH_LIMIT_MS).unref();
  };
  function onSignal(): void {
    release();
    controller.abort();
  }
  for (const name of STOP_SIGNALS) process.on(name, onSignal);
  return { signal: controller.signal, dispose };
}

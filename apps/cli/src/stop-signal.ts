/** The request of an operator or a supervisor that the command ends. */
export interface StopSignal {
  /** Aborted by the first SIGINT (Ctrl-C), SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  /** Returns the signals to the system, which ends the process. */
  dispose(): void;
}

/** What was written to a pipe may not have left yet, and after a signal a reader that never comes is not waited for. */
const FLUSH_LIMIT_MS = 2_000;

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Handles the signals. A second one ends the process at once: its sender has waited long enough. */
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

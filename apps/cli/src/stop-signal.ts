/** The wish of a person or a supervisor that the command ends. */
export interface StopSignal {
  /** Aborted by the first SIGINT (Ctrl-C), SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  /** Gives the signals back to the system, which ends the process. */
  dispose(): void;
}

/** What was written to a pipe may not have left yet, and after a signal nobody waits for a reader that never comes. */
const LAST_WORDS_MS = 2_000;

const stoppingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Takes the signals over. A second one ends the process at once: its sender has waited long enough. */
export function stopSignal(): StopSignal {
  const controller = new AbortController();
  const release = () => {
    for (const name of stoppingSignals) process.off(name, onSignal);
  };
  const dispose = () => {
    release();
    if (controller.signal.aborted) setTimeout(() => process.exit(), LAST_WORDS_MS).unref();
  };
  function onSignal(): void {
    release();
    controller.abort();
  }
  for (const name of stoppingSignals) process.on(name, onSignal);
  return { signal: controller.signal, dispose };
}

/** The wish of a person or a supervisor that the command ends. */
export interface StopSignal {
  /** Aborted by the first SIGINT (Ctrl-C), SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  /** Gives the signals back to the system, which ends the process. */
  dispose(): void;
}

const stoppingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Takes the signals over. A second one ends the process at once: its sender has waited long enough. */
export function stopSignal(): StopSignal {
  const controller = new AbortController();
  const dispose = () => {
    for (const name of stoppingSignals) process.off(name, onSignal);
  };
  function onSignal(): void {
    dispose();
    controller.abort();
  }
  for (const name of stoppingSignals) process.on(name, onSignal);
  return { signal: controller.signal, dispose };
}

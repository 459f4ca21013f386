/** What the command's exit code says; 3 and 4 come from a hub that `start` or `dev` ran. README.md lists them too. */
export const ExitCode = {
  ok: 0,
  /** Something went wrong that has no code of its own; `publish`: a delivery was dead-lettered or discarded. */
  failed: 1,
  /** Wrong usage or configuration, or the hub refused the request as invalid, or knows nothing by the name that was given. */
  usage: 2,
  /** The hub cannot listen: its port is taken. */
  cannotListen: 3,
  /** The hub's data folder cannot be used. */
  dataFolder: 4,
  /** Node is older than the command needs; bin/hms-sync.js says so. */
  nodeTooOld: 5,
  /** No hub answered, so what became of the request is unknown: sending it again with the same id is safe. */
  noAnswer: 6,
  /** `publish`: the event was accepted and is on disk, and not every adapter had settled it within --timeout. */
  notSettled: 7,
} as const;

/** One of the exit codes, or that of a hub which ended. */
export type ExitCode = number;

/** An expected end of a command: told in words, never with a stack trace. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: ExitCode;

  /**
   * @param message what was wrong, where, and what to do; further lines are indented by the author
   * @param exitCode what the process ends with
   */
  constructor(message: string, exitCode: ExitCode, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The exit codes of the command; 3 and 4 come from a hub that `start` or `dev` ran. `EXIT_CODES` documents them. */
export const ExitCode = {
  ok: 0,
  /** Something went wrong that has no code of its own; `event publish`: a delivery was dead-lettered or discarded. */
  failed: 1,
  /** Wrong usage or configuration, or the hub rejected the request as invalid, or knows nothing of the name in it. */
  usage: 2,
  /** The hub cannot listen: its port is taken. */
  cannotListen: 3,
  /** The hub's data folder cannot be used. */
  dataFolder: 4,
  /** Node is older than the command needs; bin/hms-sync.js checks it. */
  nodeTooOld: 5,
  /** No hub answered, so the result of the request is unknown: sending it again with the same id is safe. */
  noAnswer: 6,
  /** `event publish`: the event is on disk, and not every adapter had settled it within --timeout. */
  notSettled: 7,
} as const;

/** One of the exit codes, or that of a hub which ended. */
export type ExitCode = number;

/** What `hms-sync --help` says of each exit code: the one place that documents them. */
export const EXIT_CODES: readonly (readonly [code: ExitCode, meaning: string])[] = [
  [ExitCode.ok, 'done'],
  [ExitCode.failed, 'failed, not well (health --check), not delivered (event publish), damaged (journal verify)'],
  [ExitCode.usage, 'wrong usage or configuration, rejected by the hub, or no such adapter, event or job'],
  [ExitCode.cannotListen, 'the hub cannot listen: its port is taken'],
  [ExitCode.dataFolder, 'the data folder or the journal cannot be used'],
  [ExitCode.nodeTooOld, 'Node is too old'],
  [ExitCode.noAnswer, 'no hub answered; event publish: repeat it with the same --id'],
  [ExitCode.notSettled, 'event publish: on disk, but not settled everywhere within --timeout'],
];

/** An expected end of a command: reported as a sentence, never with a stack trace. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: ExitCode;

  /**
   * @param message what was wrong, where, and what to do; further lines are indented by the author
   * @param exitCode the exit code of the process
   */
  constructor(message: string, exitCode: ExitCode, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The exit codes of the command; 3 and 4 are those of a hub that `start` or `dev` ran. */
export const ExitCode = {
  ok: 0,
  /** Any other failure; `event publish`: a delivery was dead-lettered or discarded. */
  failed: 1,
  /** Wrong usage or configuration; or the hub rejected the request, or does not have the adapter, event or job. */
  usage: 2,
  /** The hub cannot listen: its port is in use. */
  cannotListen: 3,
  /** The hub's data folder cannot be used. */
  dataFolder: 4,
  /** Node is older than the command needs; bin/hms-sync.js checks it. */
  nodeTooOld: 5,
  /** No response from a hub: the result of the request is unknown. */
  noAnswer: 6,
  /** `event publish`: the event is on disk, but not settled everywhere within --timeout. */
  notSettled: 7,
} as const;

/** One of the exit codes, or that of a hub which ended. */
export type ExitCode = number;

/** The exit codes in `hms-sync --help`. */
export const EXIT_CODES: readonly (readonly [code: ExitCode, meaning: string])[] = [
  [ExitCode.ok, 'done'],
  [
    ExitCode.failed,
    'failed; not healthy (health --check), not delivered (event publish), corrupted (journal verify, audit verify), not the same (journal copy)',
  ],
  [ExitCode.usage, 'wrong usage or configuration, request rejected by the hub, or unknown adapter, event or job'],
  [ExitCode.cannotListen, 'the hub cannot listen: its port is in use'],
  [ExitCode.dataFolder, 'the data folder or the journal cannot be used'],
  [ExitCode.nodeTooOld, 'Node is too old'],
  [ExitCode.noAnswer, 'no response from a hub; event publish: publish again with the same --id'],
  [ExitCode.notSettled, 'event publish: on disk, but not settled everywhere within --timeout'],
];

/** An expected failure of a command: reported without a stack trace. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: ExitCode;

  /**
   * @param message what was wrong, where, and what to do; all lines but the first are indented
   * @param exitCode the exit code of the process
   */
  constructor(message: string, exitCode: ExitCode, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

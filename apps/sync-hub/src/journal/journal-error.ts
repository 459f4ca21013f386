/** Why a journal cannot be used. The message says where and what to do. */
export type JournalErrorCode =
  /** The folder cannot be made or written. */
  | 'UNWRITABLE'
  /** Its database cannot be reached, or serves nobody now; time may change that. */
  | 'UNREACHABLE'
  /** Another process has it open. */
  | 'IN_USE'
  /** It was written by a newer version, or is not a journal, or is damaged. */
  | 'UNREADABLE'
  /** Others may read or change its files, SQLite is too old to be safe, or it did not take a setting. */
  | 'UNSAFE'
  /** Writing failed; whether the last requests took effect is unknown. */
  | 'FAILED'
  /** It was closed before. */
  | 'CLOSED';

export class JournalError extends Error {
  override readonly name = 'JournalError';
  readonly code: JournalErrorCode;

  constructor(code: JournalErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Something in the file is not as it was written: where, and how that shows. Ends the journal as UNREADABLE. */
export class CorruptionError extends Error {
  override readonly name = 'CorruptionError';
}

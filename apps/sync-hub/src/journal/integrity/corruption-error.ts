/** Something in the file is not as it was written: where, and how that shows. Ends the journal as UNREADABLE. */
export class CorruptionError extends Error {
  override readonly name = 'CorruptionError';
}

import { FolderError } from '../../files/private-folder.ts';
import { CorruptionError, JournalError } from '../journal-error.ts';

/** SQLite's primary result codes that are distinguished here: https://sqlite.org/rescode.html. */
const ERROR = 1;
const BUSY = 5;
const CORRUPT = 11;
const FULL = 13;
const NOT_A_DATABASE = 26;

/** Extended codes carry the primary one in their low byte. */
const PRIMARY_CODE_MASK = 0xff;

export function isDiskFull(error: unknown): boolean {
  return primaryCode(error) === FULL;
}

/** Why a journal could not be opened: where, what is wrong, what to do. */
export function openError(path: string, error: unknown): JournalError {
  if (error instanceof JournalError) return error;
  if (error instanceof FolderError) return new JournalError('UNSAFE', error.message);
  if (error instanceof CorruptionError) return corrupted(path, error);
  const options = { cause: error };
  switch (primaryCode(error)) {
    case BUSY:
      return new JournalError(
        'IN_USE',
        `The journal ${path} is open in another process. Stop the other hub, or give this one a data folder of its own.`,
        options,
      );
    // A statement that does not fit the tables.
    case ERROR:
    case CORRUPT:
    case NOT_A_DATABASE:
      return new JournalError(
        'UNREADABLE',
        `The journal ${path} is damaged or is not a journal (${reason(error)}). ` +
          'Restore it from a backup, or move it away to start with an empty one.',
        options,
      );
    default:
      return new JournalError(
        'UNWRITABLE',
        `The journal ${path} cannot be opened for writing (${reason(error)}). ` +
          'Give the hub a data folder that it may write, on a disk with room.',
        options,
      );
  }
}

/** What the end of a running journal is reported as. */
export function failure(path: string, error: unknown): JournalError {
  if (error instanceof JournalError) return error;
  if (isCorruptionError(error)) return corrupted(path, error);
  return new JournalError(
    'FAILED',
    `The journal ${path} failed (${reason(error)}) and accepts nothing more. ` +
      'Nothing that was acknowledged is lost. Check the disk, then start the hub again.',
    { cause: error },
  );
}

function isCorruptionError(error: unknown): boolean {
  const code = primaryCode(error);
  return error instanceof CorruptionError || code === CORRUPT || code === NOT_A_DATABASE;
}

function corrupted(path: string, error: unknown): JournalError {
  return new JournalError(
    'UNREADABLE',
    `The journal ${path} is damaged: ${reason(error)}. Nothing is read from it any more, so that nothing is skipped. ` +
      'Keep a copy of the file, check the disk, check all of it with `hms-sync journal verify`, and restore a backup.',
    { cause: error },
  );
}

function primaryCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & PRIMARY_CODE_MASK;
}

/** The system's own words, and SQLite's number, which names the exact fault. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown reason';
  return 'errcode' in error ? `${error.message}, SQLite error ${String(error.errcode)}` : error.message;
}

import { closeSync, existsSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { makePrivateFolder, requirePrivate, syncFolder } from '../../files/private-folder.ts';
import { preserveWal } from '../integrity/preserve-files.ts';
import { JournalError } from '../journal-error.ts';

/** What goes behind the name of a journal for its files. */
const SUFFIXES = ['', '-wal', '-shm', '-journal', '-end', '-wal.kept'];
/** In it a journal is copied to a data folder: see ../copy/. */
export const COPY_FOLDER = 'journal-copy';
/** Says that the folder has a journal, also when every file of that is gone. */
const FOLDER_MARK = 'data-folder.txt';
const FOLDER_MARK_TEXT =
  'The data of an HMS-Sync hub. While a hub runs, neither move nor delete anything in this folder.\n' +
  'With this file here, a hub without its journal.db does not start unless it is asked to (--new-journal).\n';

/**
 * Makes an empty file for a journal, for its owner alone, in a folder for its owner alone: SQLite gives its WAL the file's
 * mode. Not where a journal was lost: an empty one in its place would look as if nothing was missing.
 *
 * @param newJournal an operator asks for an empty one
 * @throws {JournalError} UNREADABLE
 * @throws {FolderError}
 */
export function makePlace(path: string, newJournal: boolean): void {
  const folder = dirname(path);
  makePrivateFolder(folder);
  requirePrivate(
    folder,
    SUFFIXES.map((suffix) => basename(path) + suffix),
  );
  const copy = join(folder, COPY_FOLDER);
  if (existsSync(copy)) {
    throw new JournalError(
      'UNREADABLE',
      `${copy} is an unfinished copy of another journal. ` +
        'Run `hms-sync journal copy` again, which continues it, or remove it.',
    );
  }
  const isThere = existsSync(path);
  if (isThere && statSync(path).size > 0) {
    if (newJournal) throw new JournalError('UNREADABLE', `${path} is there. Start the hub without --new-journal.`);
    return;
  }
  if (newJournal) removeRest(path);
  else requireNoTraces(path, isThere);
  // Never opens one that is there: closing it again would let go of the locks that this process has on it.
  if (!isThere) closeSync(openSync(path, 'wx', 0o600));
}

/** Notes that the folder has a journal. To be called once it has. */
export function markPlace(path: string): void {
  const mark = join(dirname(path), FOLDER_MARK);
  if (existsSync(mark)) return;
  writeFileSync(mark, FOLDER_MARK_TEXT, { mode: 0o600, flush: true });
  syncFolder(dirname(path));
}

function requireNoTraces(path: string, isThere: boolean): void {
  const folder = dirname(path);
  // Beside a file that is there, a WAL may be of a first start that was killed.
  const names = [`${basename(path)}-end`, FOLDER_MARK, 'adapters/adapters.lock'];
  const traces = [...(isThere ? [] : [`${basename(path)}-wal`]), ...names].filter((name) =>
    existsSync(join(folder, name)),
  );
  if (traces.length === 0) return;
  throw new JournalError(
    'UNREADABLE',
    `The journal ${path} is missing or empty, but the folder had one (${traces.join(', ')}). With it every event that was ` +
      'accepted and not delivered is missing, and every dead letter. Put the file back, or restore a backup. ' +
      'To go on without all that, start the hub once with --new-journal.',
  );
}

/** Of another journal: SQLite would read the WAL as that of the new one. */
function removeRest(path: string): void {
  preserveWal(path);
  for (const suffix of ['-wal', '-shm', '-journal', '-end']) rmSync(path + suffix, { force: true });
}

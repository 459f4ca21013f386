import { constants, copyFileSync, statSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

// Closing a database, SQLite syncs its log again, moves it into the database and deletes it. Where something is
// wrong with either, that destroys what is left to look at.

/**
 * Copies the log of a journal that is refused to `<path>-wal.kept`, unless it is empty. Best effort: that the journal is
 * refused is more important.
 */
export function preserveWal(path: string): void {
  const log = `${path}-wal`;
  if ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) === 0) return;
  try {
    copyFileSync(log, `${log}.kept`, constants.COPYFILE_EXCL);
  } catch {
    // One was kept before, which is nearer to the corruption; or there is no room, and the error says what is wrong.
  }
}

let isArranged = false;

/**
 * From now on, however this process ends, its files stay as they are: an exec ends all threads at once, before the
 * journal's thread can close the database, and keeps the exit code. After a failed fsync a second one succeeds whatever
 * happened to what the first did not write.
 *
 * Does nothing where there is no exec (Windows), nor in a worker thread, which cannot end the process.
 */
export function exitWithoutClosing(): void {
  if (isArranged || !isMainThread || process.execve === undefined) return;
  isArranged = true;
  process.once('exit', (code) => {
    process.execve?.(process.execPath, [process.execPath, '--disable-sigusr1', '--eval', `process.exit(${code})`], {});
  });
}

import { isMainThread } from 'node:worker_threads';

let isArranged = false;

/**
 * From now on, however this process ends, its files stay as they are. By itself the end of the journal's thread closes
 * the database, and SQLite, when it closes one, syncs its log again, moves it into the database and deletes it. On a
 * disk that has just failed that must not be: the second fsync says yes whatever became of what the first did not
 * write. An exec ends all threads at once, before any of them can tidy up, and keeps the exit code.
 *
 * Does nothing where there is no exec (Windows), nor in a worker thread, which cannot end the process.
 */
export function endUntidied(): void {
  if (isArranged || !isMainThread || process.execve === undefined) return;
  isArranged = true;
  process.once('exit', (code) => {
    process.execve?.(process.execPath, [process.execPath, '--disable-sigusr1', '--eval', `process.exit(${code})`], {});
  });
}

import { constants, copyFileSync, statSync } from 'node:fs';

/**
 * Copies the log of a journal that is refused to `<path>-wal.kept`, unless there is nothing in it. Best effort: that
 * the journal is refused is more important than that.
 */
export function keepLog(path: string): void {
  const log = `${path}-wal`;
  if ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) === 0) return;
  try {
    copyFileSync(log, `${log}.kept`, constants.COPYFILE_EXCL);
  } catch {
    // One was kept before, which is nearer to the damage; or there is no room, and the refusal says what is wrong.
  }
}

import { closeSync, existsSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { backup, type DatabaseSync } from 'node:sqlite';
import { setTimeout as elapse } from 'node:timers/promises';
import { syncFolder } from '../../files/private-folder.ts';
import type { BackupResult } from '../journal.ts';

/** This many pages of 4 KiB are copied at a time, 1 MiB: commits wait some milliseconds for a step. */
const STEP_PAGES = 256;

/** A commit takes milliseconds; that none of this many begins meets a gap between two is a fault of its own. */
const BEGINS_MAX = 1_000;
const BEGIN_AGAIN_MS = 5;

/**
 * Copies a journal that is in use. What is committed meanwhile by the same connection goes into the copy too. Made
 * under another name first, so that nothing under the target's name is ever half a journal.
 */
export async function backUp(database: DatabaseSync, targetPath: string): Promise<BackupResult> {
  const path = resolve(targetPath);
  if (existsSync(path)) return { kind: 'rejected', reason: `${path} is there already. Name a file that is not.` };
  const partial = `${path}.partial`;
  try {
    // Of a hub that was killed in the middle of a backup. Within a hub backups follow each other.
    removePartial(partial);
    closeSync(openSync(partial, 'wx', 0o600));
  } catch (error) {
    return {
      kind: 'rejected',
      reason: `${partial} cannot be made (${messageOf(error)}). Name a folder that can be written.`,
    };
  }
  try {
    await copy(database, partial);
    renameSync(partial, path);
    syncFolder(dirname(path));
    return { kind: 'done', path, sizeBytes: statSync(path).size };
  } catch (error) {
    removePartial(partial);
    return { kind: 'rejected', reason: `${path} could not be written (${messageOf(error)}). Check the disk's room.` };
  }
}

/**
 * SQLite copies nothing while its source has a transaction open. Node waits for the end of one that comes between two
 * steps; one that is open at the first step it reports as an error, whose code says that there was none (Node 24 and 26).
 */
async function copy(database: DatabaseSync, partial: string): Promise<void> {
  for (let begins = 1; ; begins += 1) {
    try {
      await backup(database, partial, { rate: STEP_PAGES });
      return;
    } catch (error) {
      const wasInTheWay = error instanceof Error && 'errcode' in error && error.errcode === 0;
      if (!wasInTheWay || begins >= BEGINS_MAX) throw error;
      await elapse(BEGIN_AGAIN_MS);
    }
  }
}

/** With the files that SQLite makes beside a database. */
function removePartial(partial: string): void {
  for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(partial + suffix, { force: true });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown reason';
}

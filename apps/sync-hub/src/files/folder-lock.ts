import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { FolderError, makePrivateFolder } from './private-folder.ts';

/** Another process has the folder. */
export class FolderInUse extends FolderError {}

/**
 * Takes a folder for this process alone, and makes it. The lock is one of the operating system's, on a file, by way of
 * SQLite: it ends with the process, however that ends.
 *
 * @returns what lets go of it
 * @throws {FolderError}
 */
export function lockFolder(folder: string): () => void {
  makePrivateFolder(folder);
  const path = join(folder, 'hub.lock');
  // Never opened when it is there: closing it again would let go of the locks that this process has on it.
  if (!existsSync(path)) closeSync(openSync(path, 'wx', 0o600));
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('PRAGMA locking_mode = exclusive; BEGIN EXCLUSIVE; COMMIT');
  } catch (cause) {
    database.close();
    throw new FolderInUse(
      `The data folder ${folder} is in use by another hub. Stop that one, or give this one a data folder of its own.`,
      { cause },
    );
  }
  return () => database.close();
}

import type { DatabaseSync } from 'node:sqlite';
import { JournalError } from '../journal-error.ts';

type Setting = readonly [name: string, value: string | number];

/** With these a commit that returned is on disk, and corruption is found where it is read. */
const SETTINGS: readonly Setting[] = [
  ['synchronous', 2],
  ['journal_mode', 'wal'],
  // The thread checkpoints by itself (checkpoint.ts): SQLite would swallow the errors of an automatic one.
  ['wal_autocheckpoint', 0],
  ['foreign_keys', 1],
  ['cell_size_check', 1],
  // A mapped file turns a read error into a signal that kills the process.
  ['mmap_size', 0],
  // What is deleted is overwritten with zeros, so that nobody finds it in the free pages of the file.
  ['secure_delete', 1],
];

/** On macOS fsync alone leaves the data in the drive's cache. */
const MACOS_SETTINGS: readonly Setting[] = [
  ['fullfsync', 1],
  ['checkpoint_fullfsync', 1],
];

/** @throws {JournalError} UNSAFE */
export function applySettings(database: DatabaseSync): void {
  for (const setting of SETTINGS) applySetting(database, setting);
  if (process.platform === 'darwin') for (const setting of MACOS_SETTINGS) applySetting(database, setting);
}

/** Makes a setting and reads it back: SQLite ignores what it does not know or cannot do. @throws {JournalError} UNSAFE */
export function applySetting(database: DatabaseSync, [name, value]: Setting): void {
  database.exec(`PRAGMA ${name} = ${value}`);
  const [found] = Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {});
  if (found === value) return;
  throw new JournalError(
    'UNSAFE',
    `SQLite did not accept the setting ${name}=${value} (it answers ${found}), without which a journal is not safe. ` +
      'Put the data folder on a local disk: network file systems are known to refuse it.',
  );
}

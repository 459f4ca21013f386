import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { requireIntactStart } from '../integrity/check-rows.ts';
import { missingCommits, readHighWater } from '../integrity/high-water-mark.ts';
import { preserveWal } from '../integrity/preserve-files.ts';
import { applySetting, applySettings } from '../integrity/settings.ts';
import { JournalError } from '../journal-error.ts';
import { openError } from './database-error.ts';
import { makePlace, markPlace } from './journal-place.ts';
import { APPLICATION_ID, migrate, VERSION } from './schema.ts';
import { readOldHighWater } from './upgrade.ts';

export const FILE_NAME = 'journal.db';

/** Older ones can damage a WAL file when it is reset: https://sqlite.org/wal.html, "The WAL-Reset Bug". */
const OLDEST_SAFE_VERSION = '3.51.3';

export interface OpenedDatabase {
  readonly database: DatabaseSync;
  readonly path: string;
}

/**
 * Opens the journal in a folder, making both when they are not there, with settings under which a commit that
 * returned is on disk. The opener is its one user: the file stays locked until the database is closed.
 *
 * @param options newJournal: an empty one, also where one was lost; isCopying: a copy that is not finished, whose rows do
 *   not belong together yet
 * @throws JournalError UNWRITABLE, IN_USE, UNREADABLE, UNSAFE
 */
export function openDatabase(folderName: string, { newJournal = false, isCopying = false } = {}): OpenedDatabase {
  const folder = resolve(folderName);
  const path = join(folder, FILE_NAME);
  let database: DatabaseSync | undefined;
  let version: number | undefined;
  try {
    requireSafeVersion(sqliteVersion());
    makePlace(path, newJournal);
    database = new DatabaseSync(path);
    // Before any read (preparing a statement is one): then the first read takes the lock and keeps it, and the WAL's
    // index needs no file, for which a full disk would have no room.
    applySetting(database, ['locking_mode', 'exclusive']);
    version = requireJournal(database, path);
    requireCommits(database, path, version);
    applySettings(database);
    migrate(database, version);
    if (!isCopying) requireIntactStart(database);
    markPlace(path);
    return { database, path };
  } catch (error) {
    const rejection = openError(path, error);
    // Closing moves the log into the database and deletes it, though something in it may be the last of its kind.
    if (rejection.code === 'UNREADABLE' && version !== undefined) preserveWal(path);
    database?.close();
    throw rejection;
  }
}

/**
 * Opens a journal that no hub has open, to read it as it is: nothing can be written.
 *
 * @throws JournalError IN_USE, UNREADABLE, UNSAFE
 */
export function openReadOnly(path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    requireSafeVersion(sqliteVersion());
    database = new DatabaseSync(path);
    applySetting(database, ['locking_mode', 'exclusive']);
    const version = requireJournal(database, path);
    applySetting(database, ['query_only', 1]);
    if (version === VERSION) return database;
    throw new JournalError(
      'UNREADABLE',
      `The journal ${path} is of version ${version}, and this hub verifies version ${VERSION}. ` +
        'Start this hub on it once, which upgrades it, or verify it with the hub that wrote it.',
    );
  } catch (error) {
    database?.close();
    throw openError(path, error);
  }
}

/** @throws JournalError UNSAFE */
export function requireSafeVersion(version: string): void {
  const [found, oldest] = [version, OLDEST_SAFE_VERSION].map((text) => text.split('.').map(Number));
  for (const [place, least] of (oldest ?? []).entries()) {
    const part = found?.[place] ?? 0;
    if (part > least) return;
    if (part < least) {
      throw new JournalError(
        'UNSAFE',
        `This Node ${process.version} carries SQLite ${version}, which can damage a journal; ` +
          `${OLDEST_SAFE_VERSION} or newer is needed. Upgrade Node to 24.15 or newer from nodejs.org.`,
      );
    }
  }
}

/** Of the SQLite in use, which is not Node's own where a distribution links its own. Asked without touching a file. */
function sqliteVersion(): string {
  const database = new DatabaseSync(':memory:');
  try {
    return String(readValue(database, 'SELECT sqlite_version()'));
  } finally {
    database.close();
  }
}

/** The file's version: 0 for a new one. Looks before anything is changed, so that a foreign file stays as it is. */
function requireJournal(database: DatabaseSync, path: string): number {
  const version = readNumber(database, 'PRAGMA user_version');
  // An empty file, or one whose first start was killed before its tables existed.
  if (readNumber(database, 'SELECT count(*) FROM sqlite_schema') === 0) return 0;
  if (readNumber(database, 'PRAGMA application_id') !== APPLICATION_ID) {
    throw new JournalError(
      'UNREADABLE',
      `${path} is a database of another program. Give the hub a data folder of its own, or move the file away.`,
    );
  }
  if (version > VERSION) {
    throw new JournalError(
      'UNREADABLE',
      `The journal ${path} was written by a newer hub (version ${version}, this hub knows ${VERSION}). ` +
        'Start the newer hub again, or restore a backup from before the upgrade.',
    );
  }
  return version;
}

/** Before anything is changed: an upgrade of what is left would look as if nothing was missing. */
function requireCommits(database: DatabaseSync, path: string, version: number): void {
  if (version === 0) return;
  const found = version < 3 ? readOldHighWater(database) : readHighWater(database);
  const missing = missingCommits(path, found);
  if (missing !== undefined) throw new JournalError('UNREADABLE', missing);
}

function readNumber(database: DatabaseSync, sql: string): number {
  return Number(readValue(database, sql));
}

function readValue(database: DatabaseSync, sql: string): unknown {
  const row = database.prepare(sql).get();
  return row === undefined ? undefined : Object.values(row)[0];
}

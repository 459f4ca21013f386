import {
  chmodSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, onTestFinished } from 'vitest';
import { sampleAccept, sampleEvent } from '../suite/samples.fixture.ts';
import { openDatabase, requireSafeVersion } from './database.ts';
import { VERSION } from './schema.ts';
import { openSqliteJournal } from './sqlite-journal.ts';

function useFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hms-sync-database-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

function openJournal(folder: string) {
  return openSqliteJournal({ folder });
}

/** Makes a journal with an event in it, changes its file by SQL, and gives its path. */
async function changedJournal(folder: string, sql: string): Promise<string> {
  const journal = await openJournal(folder);
  await journal.accept(sampleAccept(sampleEvent('a', { data: new Uint8Array(50_000) })));
  await journal.close();
  const path = join(folder, 'journal.db');
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
  return path;
}

it('sets what makes a returned commit durable', () => {
  const { database } = openDatabase(useFolder());
  onTestFinished(() => database.close());
  const setting = (name: string) => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  const names = ['journal_mode', 'synchronous', 'locking_mode', 'foreign_keys', 'wal_autocheckpoint', 'mmap_size'];
  expect(names.map(setting)).toEqual(['wal', 2, 'exclusive', 1, 0, 0]);
});

it('refuses a folder and files that others may read or write', async () => {
  const folder = useFolder();
  const path = await changedJournal(folder, 'SELECT 1');
  chmodSync(path, 0o640);
  await expect(openJournal(folder)).rejects.toMatchObject({
    code: 'UNSAFE',
    message: expect.stringContaining('chmod 600'),
  });
  chmodSync(path, 0o600);
  chmodSync(folder, 0o777);
  await expect(openJournal(folder)).rejects.toMatchObject({
    code: 'UNSAFE',
    message: expect.stringContaining('chmod 700'),
  });
});

it('makes the folder and its files for their owner alone', () => {
  const folder = join(useFolder(), 'new', 'data');
  const { database } = openDatabase(folder);
  onTestFinished(() => database.close());
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
  expect([mode(folder), mode(join(folder, '..'))]).toEqual(['700', '700']);
  expect([mode(join(folder, 'journal.db')), mode(join(folder, 'journal.db-wal'))]).toEqual(['600', '600']);
});

it('needs no file of SQLite beside the database and its WAL, a crashed one included', () => {
  const folder = useFolder();
  const { database } = openDatabase(folder);
  const crashed = useFolder();
  cpSync(folder, crashed, { recursive: true });
  database.close();
  const { database: reopened } = openDatabase(crashed);
  onTestFinished(() => reopened.close());
  expect(readdirSync(crashed)).toEqual(['data-folder.txt', 'journal.db', 'journal.db-wal']);
});

it.each([
  ['3.51.2', false],
  ['3.46.1', false],
  ['2.99.9', false],
  ['3.51.3', true],
  ['3.53.0', true],
  ['4.0', true],
])('accepts SQLite %s: %s', (version, isSafe) => {
  const check = () => requireSafeVersion(version);
  if (isSafe) expect(check).not.toThrow();
  else expect(check).toThrow(expect.objectContaining({ code: 'UNSAFE', message: expect.stringContaining(version) }));
});

it.each(['/proc/hms-sync', join(import.meta.filename, 'data')])(
  'refuses to write where it cannot: %s',
  async (folder) => {
    await expect(openJournal(folder)).rejects.toMatchObject({
      code: 'UNWRITABLE',
      message: expect.stringContaining(folder),
    });
  },
);

it('refuses a file that is not a database, and leaves it as it is', async () => {
  const folder = useFolder();
  const path = join(folder, 'journal.db');
  const content = 'The appointments of this week. '.repeat(100);
  writeFileSync(path, content, { mode: 0o600 });
  await expect(openJournal(folder)).rejects.toMatchObject({
    code: 'UNREADABLE',
    message: expect.stringContaining(path),
  });
  expect(readFileSync(path, 'utf8')).toBe(content);
});

it('refuses the database of another program, and leaves it as it is', async () => {
  const folder = useFolder();
  const path = join(folder, 'journal.db');
  writeFileSync(path, '', { mode: 0o600 });
  const database = new DatabaseSync(path);
  database.exec('CREATE TABLE patient (name TEXT)');
  database.close();
  const content = readFileSync(path);
  await expect(openJournal(folder)).rejects.toMatchObject({
    code: 'UNREADABLE',
    message: expect.stringContaining('another program'),
  });
  expect(readFileSync(path).equals(content)).toBe(true);
});

it('finishes a journal whose first start was killed before its tables existed', async () => {
  const folder = useFolder();
  writeFileSync(join(folder, 'journal.db'), '', { mode: 0o600 });
  const database = new DatabaseSync(join(folder, 'journal.db'));
  database.exec('PRAGMA journal_mode = wal');
  database.close();
  expect(statSync(join(folder, 'journal.db')).size).toBeGreaterThan(0);
  const journal = await openJournal(folder);
  expect((await journal.accept(sampleAccept(sampleEvent('a')))).kind).toBe('accepted');
  await journal.close();
});

it('refuses a journal of a newer hub', async () => {
  const folder = useFolder();
  await changedJournal(folder, 'PRAGMA user_version = 999');
  await expect(openJournal(folder)).rejects.toMatchObject({
    code: 'UNREADABLE',
    message: expect.stringMatching(/newer hub .*999/),
  });
});

it.each(['DROP INDEX delivery_open', 'DROP TABLE record', 'ALTER TABLE event DROP COLUMN type', 'DELETE FROM journal'])(
  'refuses a journal that lacks a part: %s',
  async (sql) => {
    const folder = useFolder();
    const path = await changedJournal(folder, sql);
    await expect(openJournal(folder)).rejects.toMatchObject({
      code: 'UNREADABLE',
      message: expect.stringContaining(path),
    });
  },
);

it('refuses a journal whose end is missing', async () => {
  const folder = useFolder();
  const path = await changedJournal(folder, 'SELECT 1');
  truncateSync(path, 3 * 4_096);
  await expect(openJournal(folder)).rejects.toMatchObject({ code: 'UNREADABLE' });
});

it('can be opened by the next one after it was refused', async () => {
  const folder = useFolder();
  const path = await changedJournal(folder, 'PRAGMA user_version = 999');
  await expect(openJournal(folder)).rejects.toThrow();
  const database = new DatabaseSync(path);
  database.exec(`PRAGMA user_version = ${VERSION}`);
  database.close();
  const journal = await openJournal(folder);
  expect(await journal.readEvent({ id: 'a' })).toMatchObject({ kind: 'found' });
  await journal.close();
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, onTestFinished } from 'vitest';
import { countStale, replayAll, sampleRecord } from '../suite/samples.suite.ts';
import { openDatabase } from './database.ts';
import { MIGRATIONS } from './schema.ts';
import { openSqliteJournal } from './sqlite-journal.ts';

const fixture = readFileSync(new URL('./fixtures/version-1.sql', import.meta.url), 'utf8');
const silent = { observer: { accepted() {}, recorded() {}, reopened() {} }, onFatal() {} };

function useFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hms-sync-migration-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A journal as a hub of version 1 left it; `sql` is done to it afterwards. */
function useVersion1(sql = ''): string {
  const folder = useFolder();
  writeFileSync(join(folder, 'journal.db'), '', { mode: 0o600 });
  const database = new DatabaseSync(join(folder, 'journal.db'));
  database.exec('PRAGMA journal_mode = wal');
  database.exec(fixture);
  database.exec(sql);
  database.close();
  return folder;
}

async function openVersion1() {
  const journal = await openSqliteJournal({ folder: useVersion1(), ...silent });
  onTestFinished(() => journal.close());
  return journal;
}

function schemaOf(database: DatabaseSync): readonly unknown[] {
  const rows = database.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all();
  return rows.map(({ name, sql }) => `${name}: ${String(sql).replaceAll(/\s+/g, ' ')}`);
}

it('finds all that version 1 kept', async () => {
  const journal = await openVersion1();
  expect(journal.info).toMatchObject({ id: '0a1b2c3d', lastSeq: 4, lastCursor: 6 });
  expect(await journal.readEvent('delivered')).toMatchObject({
    event: { timeMs: 1_790_000_000_000.25, attributes: { traceparent: '00-1' }, adapters: ['billing', 'records'] },
    deliveries: [
      { adapter: 'billing', state: 'delivered', records: [{ cursor: 1, attempt: { receipt: 'ok' } }] },
      { adapter: 'records', state: 'skipped', records: [{ cursor: 2 }] },
    ],
  });
  const { records } = await journal.readRecords({ afterCursor: 0, limit: 99 });
  expect(records.map(({ eventId, state }) => `${eventId} ${state}`)).toEqual([
    'delivered delivered',
    'delivered skipped',
    'dead retrying',
    'dead dead_lettered',
    'newer delivered',
    'open retrying',
  ]);
  expect(await journal.countDeliveries()).toEqual([
    { adapter: 'billing', unsettled: 1, deadLetters: 1 },
    { adapter: 'records', unsettled: 1, deadLetters: 0 },
  ]);
  expect(await journal.readBreakers()).toMatchObject([{ adapter: 'billing', state: 'open' }]);
  const { deliveries } = await journal.fetchOpen({ adapter: 'billing', afterSeq: 0, limit: 9, limitBytes: 9_999 });
  expect(deliveries).toMatchObject([{ event: { id: 'open' }, attempts: 1, notBeforeMs: 1_790_000_009_000.5 }]);
});

it('goes on with it: the same events are known, dead letters are listed, stale and replayed', async () => {
  const journal = await openVersion1();
  const { deliveries } = await journal.listDeliveries({ filter: { states: ['dead_lettered'] }, limit: 9 });
  expect(deliveries).toMatchObject([{ eventId: 'dead', reopenedAtMs: undefined, latest: { cursor: 4 } }]);
  expect(await countStale(journal, {})).toBe(1);
  expect(await replayAll(journal, {})).toMatchObject({ sent: 1 });
  journal.record(sampleRecord({ seq: 2, id: 'dead' }, { cycle: 2 }));
  const stored = await journal.readEvent('dead');
  expect(stored?.deliveries).toMatchObject([{ state: 'delivered', cycle: 2, records: [{}, {}, { cursor: 7 }] }]);
});

it('gives an old journal the very schema of a new one, and its version', () => {
  const { database: migrated } = openDatabase(useVersion1());
  const { database: fresh } = openDatabase(useFolder());
  onTestFinished(() => {
    migrated.close();
    fresh.close();
  });
  expect(schemaOf(migrated)).toEqual(schemaOf(fresh));
  expect(migrated.prepare('PRAGMA user_version').get()).toEqual({ user_version: MIGRATIONS.length });
  expect(migrated.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
});

it('leaves an old journal as it was when it cannot be brought up', () => {
  // The last statement of the migration finds its table's name taken.
  const folder = useVersion1('CREATE TABLE lane_pause (adapter TEXT)');
  expect(() => openDatabase(folder)).toThrow(expect.objectContaining({ code: 'UNREADABLE' }));
  const database = new DatabaseSync(join(folder, 'journal.db'));
  onTestFinished(() => database.close());
  expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: 1 });
  expect(database.prepare("SELECT count(*) AS count FROM pragma_table_info('event')").get()).toEqual({ count: 12 });
});

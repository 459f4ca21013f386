import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as elapse } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { CommitHighWaterMark, markPath } from '../integrity/high-water-mark.ts';
import { verifyJournal } from '../integrity/verify-journal.ts';
import { FILE_NAME, openDatabase } from './database.ts';
import { query, useFolder, useOldJournal } from './fixtures/old-journal.fixture.ts';
import { VERSION } from './schema.ts';

function upgrade(folder: string): void {
  openDatabase(folder).database.close();
}

/** Of each delivery that is open or was replayed: how it goes on. */
function goingOn(folder: string): readonly string[] {
  const rows = query(
    folder,
    `SELECT concat_ws(' ', event.id, adapter.id, state, 'cycle', cycle, 'due', due_at_ms, iif(is_head, 'head', NULL),
       iif(may_follow, 'may follow', NULL), iif(may_have_run, 'may have run', NULL)) AS line
     FROM delivery JOIN event USING (seq) JOIN adapter ON number = adapter WHERE state < 2 OR cycle > 1
     ORDER BY seq, adapter.id`,
  );
  return rows.map(({ line }) => String(line));
}

it('keeps where every delivery of version 2 was, and chooses the heads', () => {
  const folder = useOldJournal(2);
  upgrade(folder);
  expect(goingOn(folder)).toEqual([
    'open billing 1 cycle 1 due 1790000009000.5 head may have run',
    'open records 0 cycle 1 due 1790000003500.0 head',
    'retrying billing 1 cycle 1 due 1790000120000.5 head may have run',
    'behind-retrying billing 0 cycle 1 due 1790000100250.0',
    'held billing 0 cycle 1 due 1790000100450.0 head',
    'reopened billing 0 cycle 2 due 1790000110340.0 head',
    'behind-reopened billing 0 cycle 1 due 1790000100650.0 may have run',
    'reopened-retrying billing 1 cycle 2 due 1790000130000.0 head may have run',
    'stale-wanted billing 0 cycle 2 due 1790000111460.0 head may follow',
    'stale-crashed billing 4 cycle 2 due 1790000110340.0',
    'throttled lab 1 cycle 1 due 1790000125000.0 head may have run',
    'waiting billing 0 cycle 1 due 1790000101450.0 head',
    'waiting lab 0 cycle 1 due 1790000101450.0 head',
    'waiting records 0 cycle 1 due 1790000101450.0 head',
  ]);
  expect(verifyJournal(folder)).toMatchObject({
    events: 19,
    deliveries: 36,
    records: 34,
    unsettled: 13,
    deadLetters: 3,
    problems: [],
  });
});

it('makes what version 2 replayed and was killed before it judged it a dead letter again, with the reason', () => {
  const folder = useOldJournal(2);
  upgrade(folder);
  const [record] = query(folder, 'SELECT * FROM record ORDER BY position DESC LIMIT 1');
  expect(record).toMatchObject({ seq: 16, adapter: 1, state: 4, cycle: 2, attempts: 0, outcome: null });
  expect(record?.message).toMatch(/^A newer event of its key was delivered meanwhile\./);
});

it('keeps what lanes and operators left, and what a cursor meant', () => {
  const folder = useOldJournal(2);
  upgrade(folder);
  expect(query(folder, 'SELECT adapter, state FROM breaker')).toEqual([
    { adapter: 'billing', state: 'open' },
    { adapter: 'lab', state: 'half_open' },
  ]);
  expect(query(folder, 'SELECT adapter, reason FROM lane_pause')).toEqual([
    { adapter: 'records', reason: 'maintenance, says Dana' },
  ]);
  const [job] = query(folder, "SELECT content FROM replay_job WHERE id = 'job-running'");
  expect(JSON.parse(String(job?.content))).toEqual({
    id: 'job-running',
    state: 'running',
    filter: { eventIds: ['dead', 'dead-c', 'gone'], adapters: ['billing'] },
    ratePerSecond: 50,
    reason: 'billing is back, says Dana',
    includeStale: false,
    includeReplayed: false,
    createdAtMs: 1_790_000_111_470,
    upTo: { billing: 20, lab: 20, records: 20 },
    matched: 3,
    skippedStale: 1,
    skippedReplayed: 0,
    sent: 0,
    position: { seq: 2, adapter: 'billing' },
  });
  expect(query(folder, 'SELECT * FROM journal')).toEqual([
    { id: '0a1b2c3d', positions_after: 34, unique_ids_to_seq: 19 },
  ]);
  expect(query(folder, 'SELECT key, newest_delivered_seq AS seq FROM watched_key')).toContainEqual({
    key: 'g',
    seq: 17,
  });
});

it('upgrades a journal of version 1', () => {
  const folder = useOldJournal(1);
  upgrade(folder);
  expect(goingOn(folder)).toEqual([
    'open billing 1 cycle 1 due 1790000009000.5 head may have run',
    'open records 0 cycle 1 due 1790000003500.0 head',
  ]);
  expect(verifyJournal(folder)).toMatchObject({ events: 4, deliveries: 6, records: 6, problems: [] });
});

it('upgrades a journal of version 3, which did not keep who published an event', () => {
  const [folder, fromSecond] = [useOldJournal(3), useOldJournal(2)];
  upgrade(folder);
  upgrade(fromSecond);
  expect(query(folder, 'SELECT DISTINCT published_by FROM event')).toEqual([{ published_by: '' }]);
  expect(goingOn(folder)).toEqual(goingOn(fromSecond));
  for (const table of ['journal', 'adapter', 'event', 'delivery', 'watched_key', 'replay_job', 'breaker']) {
    expect(query(folder, `SELECT * FROM ${table}`)).toEqual(query(fromSecond, `SELECT * FROM ${table}`));
  }
  expect(verifyJournal(folder)).toMatchObject({ events: 19, deliveries: 36, records: 34, problems: [] });
});

it.each([
  ["UPDATE event SET key = 'z' WHERE seq = 6", 'seq 6 does not match its checksum'],
  ["UPDATE event SET data = x'00' WHERE seq = 6", 'the payload of seq 6 does not match its checksum'],
  ['DELETE FROM delivery WHERE seq = 6 AND adapter = 2', 'seq 6 does not match its checksum'],
])('upgrades no event of version 3 that is damaged: %s', (sql, problem) => {
  expect(() => upgrade(useOldJournal(3, sql))).toThrow(problem);
});

it.each([1, 2, 3] as const)(
  'gives a journal of version %i the very schema of a new one, and its version',
  (version) => {
    const [upgraded, fresh] = [useOldJournal(version), useFolder()];
    upgrade(upgraded);
    upgrade(fresh);
    const schema = `SELECT name || ': ' || replace(replace(sql, char(10), ''), ' ', '') AS sql FROM sqlite_schema ORDER BY name`;
    expect(query(upgraded, schema)).toEqual(query(fresh, schema));
    expect(query(upgraded, 'PRAGMA user_version')).toEqual([{ user_version: VERSION }]);
  },
);

it.each([
  ["UPDATE event SET key = 'z' WHERE seq = 6", 'seq 6 does not match its checksum'],
  ["UPDATE event SET data = x'00' WHERE seq = 6", 'the payload of seq 6 does not match its checksum'],
  ['DELETE FROM delivery WHERE seq = 6 AND adapter = 2', 'seq 6 does not match its checksum'],
  ['DELETE FROM event WHERE seq = 6', 'the delivery of seq 6 to billing has no event, or one of another key'],
  ['UPDATE delivery SET spent = 9 WHERE seq = 7', 'the delivery of seq 7 to billing does not match its checksum'],
  ['UPDATE delivery SET spent = 9 WHERE seq = 16', 'the delivery of seq 16 to billing does not match its checksum'],
  [
    "UPDATE delivery SET key = 'z' WHERE seq = 7",
    'the delivery of seq 7 to billing has no event, or one of another key',
  ],
  ['UPDATE record SET at_ms = 0 WHERE cursor = 9', 'record 9 does not match its checksum'],
  ['DELETE FROM record WHERE cursor = 9', 'what comes before record 10 is not in its place'],
  ['DELETE FROM record WHERE cursor = 33', 'record 33 of the delivery of seq 18 to lab is missing'],
  ['DELETE FROM delivery WHERE seq = 4 AND adapter = 1', 'record 6 has no delivery'],
  ['CREATE TABLE old_event (seq INTEGER)', 'table or index with this name: old_event'],
])('upgrades nothing that is damaged, and leaves it as it was: %s', (sql, problem) => {
  const folder = useOldJournal(2, sql);
  const before = readFileSync(join(folder, FILE_NAME));
  expect(() => upgrade(folder)).toThrow(
    expect.objectContaining({ code: 'UNREADABLE', message: expect.stringContaining(problem) }),
  );
  expect(readFileSync(join(folder, FILE_NAME)).equals(before)).toBe(true);
});

it('upgrades nothing of which commits are missing', () => {
  const folder = useOldJournal(2);
  const mark = new CommitHighWaterMark(markPath(join(folder, FILE_NAME)));
  mark.advance({ id: '0a1b2c3d', newestSeq: 19, positions: 34 });
  mark.close();
  expect(() => upgrade(folder)).toThrow(
    /ends with seq 19 and position 33, but a hub already reported seq 19 and position 34/,
  );
  expect(query(folder, 'PRAGMA user_version')).toEqual([{ user_version: 2 }]);
});

it('leaves the old version when it is killed', async () => {
  const copies = `WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
    INSERT INTO event SELECT i, 'copy-' || i, source, type, key, time_ms, content_type, attributes, content_hash,
      accepted_at_ms, last_cursor, data, NULL, NULL FROM n JOIN event ON seq = 1;
    INSERT INTO delivery SELECT event.seq, adapter, event.key, 0, 1, 0, 0, 0, 0, 0, NULL, NULL
      FROM event JOIN delivery ON delivery.seq = 1 WHERE event.seq >= 100`;
  const folder = useOldJournal(2, copies);
  const program = `import { openDatabase } from '${new URL('./database.ts', import.meta.url)}'; openDatabase(process.argv[1]);`;
  const child = spawn(process.execPath, [...process.execArgv, '--eval', program, folder]);
  const ended = once(child, 'exit');
  const log = join(folder, `${FILE_NAME}-wal`);
  while ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) < 2_000_000) await elapse(1);
  child.kill('SIGKILL');
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect(query(folder, 'PRAGMA user_version')).toEqual([{ user_version: 2 }]);
  upgrade(folder);
  expect(verifyJournal(folder)).toMatchObject({ events: 19 + 19_901, problems: [] });
}, 60_000);

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { FILE_NAME, openDatabase } from '../sqlite/database.ts';
import { change, useFolder, useOldJournal } from '../sqlite/fixtures/old-journal.fixture.ts';
import { openSqliteJournal } from '../sqlite/sqlite-journal.ts';
import { Session } from '../suite/place.fixture.ts';
import { retrying, sampleEvent, sampleRecord } from '../suite/samples.fixture.ts';
import { verifyJournal } from './verify-journal.ts';

/** A closed journal with deliveries of every kind; `sql` is done to it behind the hub's back. */
function useJournal(sql = ''): string {
  const folder = useOldJournal(2);
  openDatabase(folder).database.close();
  change(folder, sql);
  return folder;
}

it('says what an intact journal holds, and leaves it as it is', () => {
  const folder = useJournal();
  const path = join(folder, FILE_NAME);
  const before = readFileSync(path);
  expect(verifyJournal(folder)).toEqual({
    path,
    sizeBytes: before.byteLength,
    events: 19,
    deliveries: 36,
    records: 34,
    unsettled: 13,
    deadLetters: 3,
    problems: [],
  });
  expect(readFileSync(path).equals(before)).toBe(true);
});

it.each([
  ['UPDATE delivery SET is_head = 1 WHERE seq = 7 AND adapter = 1', 'b has 2 heads at billing'],
  ['UPDATE delivery SET is_head = 0 WHERE seq = 6 AND adapter = 1', 'b has 0 heads at billing'],
  ['UPDATE delivery SET is_head = 0 WHERE seq = 19 AND adapter = 3', 'seq 19 has 0 heads at lab'],
  ['UPDATE delivery SET is_head = 1 WHERE seq = 5 AND adapter = 1', 'seq 5 has 1 heads at billing'],
])('finds a key that has not its one head: %s', (sql, problem) => {
  expect(verifyJournal(useJournal(sql)).problems).toContain(problem);
});

it('wants no head behind a dead letter that holds its key', () => {
  const held = 'UPDATE delivery SET is_head = 0 WHERE seq = 9 AND adapter = 1';
  expect(verifyJournal(useJournal(held)).problems).toContain('c has 0 heads at billing');
  const { problems } = verifyJournal(useJournal(`${held}; UPDATE adapter SET holds = 1 WHERE number = 1`));
  expect(problems).toEqual(['the delivery of seq 9 to billing does not match its checksum']);
});

it('notices a bit of a payload that changed on the disk, of which SQLite knows nothing', () => {
  const folder = useJournal();
  const path = join(folder, FILE_NAME);
  const bytes = readFileSync(path);
  const place = bytes.lastIndexOf('"by":"held"');
  bytes.writeUInt8(bytes.readUInt8(place + 6) ^ 1, place + 6);
  writeFileSync(path, bytes);
  expect(verifyJournal(folder).problems).toEqual(['the payload of seq 9 does not match its checksum']);
});

it('refuses a journal that a hub has open, a folder without one, and one of an older version', () => {
  expect(() => verifyJournal(useFolder())).toThrow(expect.objectContaining({ code: 'UNREADABLE' }));
  expect(() => verifyJournal(useOldJournal(2))).toThrow(/is of version 2/);
  const folder = useJournal();
  const { database } = openDatabase(folder);
  onTestFinished(() => database.close());
  expect(() => verifyJournal(folder)).toThrow(expect.objectContaining({ code: 'IN_USE' }));
});

it('goes on behind a page that cannot be read', () => {
  const folder = useJournal();
  const path = join(folder, FILE_NAME);
  const bytes = readFileSync(path);
  const page = Math.floor(bytes.lastIndexOf('"by":"held"') / 4_096);
  bytes.fill(0, page * 4_096, (page + 1) * 4_096);
  writeFileSync(path, bytes);
  const { problems, records } = verifyJournal(folder);
  expect(problems).toContain('its events could not be checked to the end: database disk image is malformed');
  expect(records).toBe(34);
});

it('finds a journal intact while an event with many records is deleted in steps', async () => {
  const folder = useFolder();
  const session = new Session(await openSqliteJournal({ folder }));
  await session.openLanes();
  const event = await session.acceptNew(sampleEvent('a'));
  for (let attempts = 1; attempts <= 10; attempts++) void session.record(retrying(event, { attempts }));
  void session.record(sampleRecord(event, { attempts: 11 }));
  void session.record(sampleRecord(event, { adapter: 'records' }));
  const newest = await session.acceptNew(sampleEvent('newest'));
  void session.record(sampleRecord(newest));
  const step = { settledBeforeMs: 1_800_000_000_000, maxEvents: 9, maxRecords: 4 };
  expect(await session.journal.prune(step)).toMatchObject({ events: 0, records: 4 });
  await session.journal.close();
  expect(verifyJournal(folder)).toMatchObject({ events: 2, records: 9, problems: [] });
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, onTestFinished } from 'vitest';
import { acceptNew, deadLettered, retrying, sampleAccept, sampleEvent, sampleRecord } from '../suite/samples.suite.ts';
import { openSqliteJournal } from './sqlite-journal.ts';
import { verifyJournal } from './verify-journal.ts';

const silent = { observer: { accepted() {}, recorded() {}, reopened() {} }, onFatal() {} };

function useFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hms-sync-verify-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Three events: one settled, one dead and one retrying at billing; changed by SQL behind the hub's back. */
async function useClosed(sql = ''): Promise<string> {
  const folder = useFolder();
  const journal = await openSqliteJournal({ folder, ...silent });
  for (const [id, record] of Object.entries({ a: sampleRecord, b: deadLettered, c: retrying })) {
    const event = await acceptNew(journal, sampleAccept(sampleEvent(id)));
    journal.record(record(event));
    journal.record(sampleRecord(event, { adapter: 'records' }));
  }
  await journal.close();
  const database = new DatabaseSync(join(folder, 'journal.db'));
  database.exec(sql);
  database.close();
  return folder;
}

it('says what an intact journal holds, and leaves it as it is', async () => {
  const folder = await useClosed();
  const path = join(folder, 'journal.db');
  const before = readFileSync(path);
  expect(verifyJournal(folder)).toEqual({
    path,
    sizeBytes: before.byteLength,
    events: 3,
    deliveries: 6,
    records: 6,
    unsettled: 1,
    deadLetters: 1,
    rowsWithoutChecksum: 0,
    problems: [],
  });
  expect(readFileSync(path).equals(before)).toBe(true);
});

it.each([
  ["UPDATE event SET data = x'00' WHERE seq = 2", /the payload of seq 2/],
  ['UPDATE delivery SET state = 2 WHERE seq = 2', /the delivery of seq 2 to billing/],
  ["UPDATE delivery SET key = 'z' WHERE seq = 2", /the key of seq 2/],
  ['UPDATE record SET at_ms = 0 WHERE cursor = 3', /record 3/],
  ['DELETE FROM record WHERE cursor = 3', /record 3 of seq 2 is missing/],
  [
    'INSERT INTO record SELECT 99, 0, seq, adapter, version, state, cycle, attempts, spent, crashes, at_ms, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM record WHERE cursor = 1',
    /7 records are kept, but 6 belong/,
  ],
  ['DELETE FROM delivery WHERE seq = 2 AND adapter = 2', /seq 2 does not match/],
  ['PRAGMA foreign_keys = 0; DELETE FROM event WHERE seq = 2', /no event of seq 2/],
])('names the place: %s', async (sql, problem) => {
  const { problems } = verifyJournal(await useClosed(sql));
  expect(problems).toContainEqual(expect.stringMatching(problem));
});

it('notices a bit of a payload that changed on the disk, of which SQLite knows nothing', async () => {
  const folder = await useClosed();
  const path = join(folder, 'journal.db');
  const bytes = readFileSync(path);
  const place = bytes.indexOf('"by":"b"');
  bytes.writeUInt8(bytes.readUInt8(place + 6) ^ 1, place + 6);
  writeFileSync(path, bytes);
  expect(verifyJournal(folder).problems).toEqual(['the payload of seq 2 does not match its checksum']);
  await expect(openSqliteJournal({ folder, ...silent })).rejects.toMatchObject({
    code: 'UNREADABLE',
    message: expect.stringContaining('the payload of seq 2 does not match its checksum'),
  });
});

it('refuses a journal that a hub has open, and a folder without one', async () => {
  const folder = useFolder();
  expect(() => verifyJournal(folder)).toThrow(expect.objectContaining({ code: 'UNREADABLE' }));
  const journal = await openSqliteJournal({ folder, ...silent });
  onTestFinished(() => journal.close());
  expect(() => verifyJournal(folder)).toThrow(expect.objectContaining({ code: 'IN_USE' }));
});

it('finds a journal whole while an event with many records is deleted in steps', async () => {
  const folder = useFolder();
  const journal = await openSqliteJournal({ folder, ...silent });
  const event = await acceptNew(journal, sampleAccept(sampleEvent('a')));
  for (let attempts = 1; attempts <= 10; attempts++) journal.record(retrying(event, { attempts }));
  journal.record(sampleRecord(event, { attempts: 11 }));
  journal.record(sampleRecord(event, { adapter: 'records' }));
  const newest = await acceptNew(journal, sampleAccept(sampleEvent('newest')));
  journal.record(sampleRecord(newest));
  const step = { settledBeforeMs: 1_800_000_000_000, maxEvents: 9, maxRecords: 4 };
  expect(await journal.prune(step)).toMatchObject({ events: 0, records: 4 });
  await journal.close();
  expect(verifyJournal(folder)).toMatchObject({ events: 2, records: 9, problems: [] });
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, onTestFinished } from 'vitest';
import type { JournalError } from '../journal.ts';
import { acceptNew, deadLettered, sampleAccept, sampleEvent } from '../suite/samples.suite.ts';
import { openDatabase } from './database.ts';
import { Scrub } from './scrub.ts';
import { openSqliteJournal } from './sqlite-journal.ts';

/** Ten steps of it. */
const EVENTS = 40;
const PAGE_BYTES = 4_096;
/** The first byte of a page that is a leaf of an index. */
const INDEX_LEAF = 0x0a;

const silent = { observer: { accepted() {}, recorded() {}, reopened() {} }, onFatal() {} };

/** A closed journal with so many events, one of them a dead letter. */
async function useJournal({ events = EVENTS, payloadBytes = 10 } = {}): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'hms-sync-scrub-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const journal = await openSqliteJournal({ folder, ...silent });
  const data = new Uint8Array(payloadBytes);
  const ids = Array.from({ length: events }, (_, index) => `event-${String(index + 1).padStart(4, '0')}.`);
  const accepted = await Promise.all(ids.map((id) => acceptNew(journal, sampleAccept(sampleEvent(id, { data })))));
  journal.record(deadLettered(accepted[20] ?? (await Promise.reject(new Error('too few events')))));
  await journal.close();
  return folder;
}

/** Makes an index forget a row, as damage does: it is built with a narrower condition, which is then taken back. */
function forget(folder: string, index: string, seq: number): void {
  // `defensive`, which the types do not know yet, would keep the schema from being written.
  const options = { open: true, defensive: false };
  const database = new DatabaseSync(join(folder, 'journal.db'), options);
  const redefine = (find: string, replace: string) => {
    database.exec('PRAGMA writable_schema = on');
    database.prepare('UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = ?').run(find, replace, index);
    database.exec('PRAGMA writable_schema = reset');
  };
  redefine(' WHERE ', ` WHERE seq <> ${seq} AND `);
  database.exec(`REINDEX ${index}`);
  redefine(` WHERE seq <> ${seq} AND `, ' WHERE ');
  database.close();
}

/** Changes one letter of an event's id where the index has it, and not where the event has it. */
function misspell(folder: string, id: string): void {
  const path = join(folder, 'journal.db');
  const bytes = readFileSync(path);
  for (let place = bytes.indexOf(id); place !== -1; place = bytes.indexOf(id, place + 1)) {
    if (bytes[Math.floor(place / PAGE_BYTES) * PAGE_BYTES] === INDEX_LEAF) bytes.write('E', place);
  }
  writeFileSync(path, bytes);
}

/** All steps, and how many there were. */
function scrubAll(folder: string, lastCursor = 1): number {
  const { database } = openDatabase(folder);
  try {
    const scrub = new Scrub(database, { lastSeq: EVENTS, lastCursor });
    let steps = 0;
    while (scrub.step()) steps += 1;
    return steps;
  } finally {
    database.close();
  }
}

it('goes through all of a journal that is well, in steps', async () => {
  // Of the events, and one of the records.
  expect(scrubAll(await useJournal())).toBe(10 + 1);
});

it.each([
  ['delivery_open', 37],
  ['delivery_open_of_key', 5],
  ['delivery_dead', 21],
  ['delivery_dead_of_key', 21],
])('finds that %s lacks a delivery', async (index, seq) => {
  const folder = await useJournal();
  forget(folder, index, seq);
  expect(() => scrubAll(folder)).toThrow(`a delivery of seq ${seq} is missing in an index`);
});

it('finds an event that those who ask for its id do not find', async () => {
  const folder = await useJournal();
  misspell(folder, 'event-0009.');
  expect(() => scrubAll(folder)).toThrow('seq 9 is not found by its id');
});

it('finds a changed row of an event that nobody asks for', async () => {
  const folder = await useJournal();
  const database = new DatabaseSync(join(folder, 'journal.db'));
  database.exec("UPDATE event SET data = x'01' WHERE seq = 3");
  database.close();
  expect(() => scrubAll(folder)).toThrow('the payload of seq 3 does not match its checksum');
});

it.each([
  ['UPDATE record SET at_ms = 0 WHERE cursor = 1', 'record 1 does not match its checksum'],
  ['UPDATE record SET previous = 1 WHERE cursor = 1', 'record 1 is not in its place among those of seq 21'],
  ['DELETE FROM record', 'record 1 is missing'],
])('finds a record that nobody asks for and that is not as it was written: %s', async (sql, message) => {
  const folder = await useJournal();
  const database = new DatabaseSync(join(folder, 'journal.db'));
  database.exec(sql);
  database.close();
  expect(() => scrubAll(folder)).toThrow(message);
});

it('finds a gap in a chain of records, however long it is, in steps', async () => {
  const folder = await useJournal();
  const database = new DatabaseSync(join(folder, 'journal.db'));
  // Rows of version 1, which had no checksums.
  const insert = database.prepare(`
    INSERT INTO record SELECT ?, ?, seq, adapter, version, 1, cycle, attempts, spent, crashes, at_ms, 0, NULL, NULL,
      NULL, NULL, NULL, NULL, NULL FROM record WHERE cursor = 1`);
  for (let cursor = 2; cursor <= 1_000; cursor++) insert.run(cursor, cursor - 1);
  database.exec('UPDATE delivery SET last_cursor = 1000, checksum = NULL WHERE last_cursor = 1');
  database.close();
  expect(scrubAll(folder, 1_000)).toBe(10 + 32);
  const again = new DatabaseSync(join(folder, 'journal.db'));
  again.exec('DELETE FROM record WHERE cursor = 300');
  again.close();
  expect(() => scrubAll(folder, 1_000)).toThrow('what comes before record 301 is not in its place');
});

it('refuses a small journal at its start for what it would find', async () => {
  const folder = await useJournal();
  forget(folder, 'delivery_open', 37);
  await expect(openSqliteJournal({ folder, ...silent })).rejects.toMatchObject({
    code: 'UNREADABLE',
    message: expect.stringContaining('missing from index delivery_open'),
  });
});

it('ends a large journal, which is not checked as a whole at its start, as soon as it finds something', async () => {
  const folder = await useJournal({ events: 140, payloadBytes: 250_000 });
  forget(folder, 'delivery_open', 37);
  const failed = Promise.withResolvers<JournalError>();
  const journal = await openSqliteJournal({ folder, ...silent, onFatal: failed.resolve });
  onTestFinished(() => journal.close());
  expect(await failed.promise).toMatchObject({
    code: 'UNREADABLE',
    message: expect.stringContaining('a delivery of seq 37 is missing in an index'),
  });
});

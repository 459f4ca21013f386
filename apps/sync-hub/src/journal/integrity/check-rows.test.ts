import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { FILE_NAME, openDatabase } from '../sqlite/database.ts';
import { change, useOldJournal } from '../sqlite/fixtures/old-journal.fixture.ts';
import { checkEvents, checkRecords, requireIntactRows } from './check-rows.ts';
import { verifyJournal } from './verify-journal.ts';

const PAGE_BYTES = 4_096;
/** The first byte of a page that is a leaf of an index. */
const INDEX_LEAF = 0x0a;

/** A closed journal with deliveries of every kind; `sql` is done to it behind the hub's back. */
function useJournal(sql = ''): string {
  const folder = useOldJournal(2);
  openDatabase(folder).database.close();
  change(folder, sql);
  return folder;
}

function problemsOf(folder: string): readonly string[] {
  const database = new DatabaseSync(join(folder, FILE_NAME));
  try {
    return [...checkEvents(database), ...checkRecords(database)].flat();
  } finally {
    database.close();
  }
}

/** Makes an index forget a row, as corruption does: it is built with a narrower condition, which is then taken back. */
function forget(folder: string, index: string, condition: string): void {
  // `defensive`, which the types do not know yet, would keep the schema from being written.
  const options = { open: true, defensive: false };
  const database = new DatabaseSync(join(folder, FILE_NAME), options);
  const redefine = (sql: string) => {
    database.exec('PRAGMA writable_schema = on');
    database.prepare('UPDATE sqlite_schema SET sql = ? WHERE name = ?').run(sql, index);
    database.exec('PRAGMA writable_schema = reset');
  };
  const sql = String(database.prepare('SELECT sql FROM sqlite_schema WHERE name = ?').get(index)?.sql);
  redefine(sql.includes('WHERE') ? `${sql} AND NOT (${condition})` : `${sql} WHERE NOT (${condition})`);
  database.exec(`REINDEX ${index}`);
  redefine(sql);
  database.close();
}

/** Changes one letter of an event's id where the index has it, and not where the event has it. */
function misspell(folder: string, id: string): void {
  const path = join(folder, FILE_NAME);
  const bytes = readFileSync(path);
  for (let place = bytes.indexOf(id); place !== -1; place = bytes.indexOf(id, place + 1)) {
    if (bytes[Math.floor(place / PAGE_BYTES) * PAGE_BYTES] === INDEX_LEAF) bytes.write('S', place);
  }
  writeFileSync(path, bytes);
}

it('finds nothing wrong with a journal that is well, in steps', () => {
  const { database } = openDatabase(useOldJournal(2));
  // 19 events by 4; and of the records those of 3 lanes.
  expect([...requireIntactRows(database)]).toHaveLength(5 + 3);
  expect([...requireIntactRows(database, { events: 2, recordsOfLane: 2 })]).toHaveLength(1 + 3);
  database.close();
});

it.each([
  ["UPDATE event SET key = 'z' WHERE seq = 5", 'seq 5 does not match its checksum'],
  ["UPDATE event SET content_hash = x'00' WHERE seq = 5", 'seq 5 does not match its checksum'],
  ['UPDATE event SET time_ms = time_ms + 0.5 WHERE seq = 5', 'seq 5 does not match its checksum'],
  ["UPDATE event SET data = x'00' WHERE seq = 5", 'the payload of seq 5 does not match its checksum'],
  ['DELETE FROM event WHERE seq = 5', 'the delivery of seq 5 to billing has no event'],
  ['DELETE FROM delivery WHERE seq = 5 AND adapter = 2', 'seq 5 does not match its checksum'],
  ['UPDATE delivery SET spent = 9 WHERE seq = 5', 'the delivery of seq 5 to records does not match its checksum'],
  ['UPDATE delivery SET is_head = 0 WHERE seq = 6', 'the delivery of seq 6 to billing does not match its checksum'],
  ['UPDATE delivery SET due_at_ms = 0 WHERE seq = 6', 'the delivery of seq 6 to billing does not match its checksum'],
  ["UPDATE delivery SET key = 'z' WHERE seq = 5", 'the delivery of seq 5 to billing has another key than its event'],
  ["UPDATE adapter SET id = 'sales' WHERE number = 1", 'seq 5 does not match its checksum'],
  ['DELETE FROM adapter WHERE number = 3', 'seq 18 does not match its checksum'],
  ['UPDATE record SET at_ms = 0 WHERE position = 9', 'record 9 of billing does not match its checksum'],
  ["UPDATE record SET receipt = 'no' WHERE position = 7", 'record 7 of billing does not match its checksum'],
  ['UPDATE record SET seq = 7 WHERE position = 9', 'record 9 of billing does not match its checksum'],
  [
    'DELETE FROM record WHERE position = 10',
    'the delivery of seq 6 to billing has lost its newest record, or has another one',
  ],
  [
    'DELETE FROM record WHERE position = 16',
    'the delivery of seq 10 to billing has lost its newest record, or has another one',
  ],
  [
    'INSERT INTO record SELECT adapter, 99, 7, version, state, 1, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0 FROM record WHERE position = 9',
    'the delivery of seq 7 to billing has lost its newest record, or has another one',
  ],
  ['DELETE FROM delivery WHERE seq = 5 AND adapter = 1', 'record 7 of billing has no delivery'],
])('names what is not as it was written: %s', (sql, problem) => {
  const folder = useJournal(sql);
  expect(problemsOf(folder)).toContain(problem);
  expect(verifyJournal(folder).problems).toContain(problem);
  expect(() => openDatabase(folder)).toThrow(expect.objectContaining({ code: 'UNREADABLE' }));
});

it.each([
  ['delivery_open', 'seq = 7', 'the index delivery_open has no entry of seq 7'],
  ['delivery_open_of_key', 'seq = 7', 'the index delivery_open_of_key has no entry of seq 7'],
  ['delivery_head', 'seq = 9', 'the index delivery_head has no entry of seq 9'],
  ['delivery_dead', 'seq = 8', 'the index delivery_dead has no entry of seq 8'],
  ['delivery_dead_of_key', 'seq = 8', 'the index delivery_dead_of_key has no entry of seq 8'],
  ['record_of_delivery', 'position = 9', 'the index record_of_delivery has no entry of record 9'],
])('finds that %s lacks a row', (index, condition, problem) => {
  const folder = useJournal();
  forget(folder, index, condition);
  expect(problemsOf(folder)).toContain(problem);
  expect(() => openDatabase(folder)).toThrow(new RegExp(`(missing from|in) index ${index}`));
});

it('finds an event that those who ask for its id do not find', () => {
  const folder = useJournal();
  misspell(folder, 'settled');
  expect(problemsOf(folder)).toContain('the index sqlite_autoindex_event_1 has no entry of seq 5');
});

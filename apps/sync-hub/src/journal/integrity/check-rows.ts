import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { stateCodes } from '../codes.ts';
import { CorruptionError } from '../journal-error.ts';
import {
  columnsOf,
  type DeliveryValues,
  type EventValues,
  prepareValues,
  type RecordValues,
  SUMMED,
} from '../sqlite/rows.ts';
import { rowChecksum } from './row-checksum.ts';

/** 32 MiB, a third of a second. All pages and indexes of a larger journal would take too long at each start. */
const CHECKED_PAGES_BYTES = 32 * 1024 * 1024;
/** Of a larger one the newest rows are checked at the start, which a crash or a lying disk harms first: some milliseconds. */
const CHECKED_AT_START = { events: 64, recordsOfLane: 256 };

/** Of one step: a fraction of a millisecond, in which no commit can run. */
const STEP_EVENTS = 4;
const STEP_RECORDS = 32;

/** With the ids of its adapters in the place of their numbers. */
type CheckedEvent = EventValues;

type CheckedDelivery = readonly [
  ...DeliveryValues,
  ...[adapterId: string | null, eventKey: string | null],
  // Of the newest record; null: there is none.
  ...[recordedState: number | null, recordedCounts: string | null],
];

type CheckedRecord = readonly [
  ...RecordValues,
  // Null: there is no such delivery.
  ...[adapterId: string, eventId: string | null, eventSource: string | null],
];

/**
 * Checks the structure of every page, and that each index holds exactly the rows that it should, unless the journal is
 * large; then its newest rows.
 *
 * @throws {CorruptionError}
 */
export function requireIntactStart(database: DatabaseSync): void {
  const size = database
    .prepare('SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size')
    .get();
  const [problem] = Number(size?.bytes) > CHECKED_PAGES_BYTES ? [] : pageProblems(database, 1);
  if (problem !== undefined) throw new CorruptionError(problem);
  for (const _ of requireIntactRows(database, CHECKED_AT_START));
}

/**
 * Checks what the journal holds now while it is in use: a few rows at a time, between which others are served. So
 * corruption is found while there is time to do something about it, and not when an old event is asked for, or never.
 *
 * @param newest only that many
 * @throws {CorruptionError}
 */
export function* requireIntactRows(
  database: DatabaseSync,
  newest: { readonly events: number; readonly recordsOfLane: number } = { events: Infinity, recordsOfLane: Infinity },
): Generator<void> {
  for (const check of [checkEvents(database, newest.events), checkRecords(database, newest.recordsOfLane)]) {
    for (const [problem] of check) {
      if (problem !== undefined) throw new CorruptionError(problem);
      yield;
    }
  }
}

/** What SQLite itself finds wrong with pages and indexes. */
export function pageProblems(database: DatabaseSync, limit: number): readonly string[] {
  const lines = database.prepare(`PRAGMA integrity_check(${limit})`).all();
  // The name of the database goes before the first, on a line of its own.
  const found = lines.map(({ integrity_check: line }) => String(line).replace(/^\*\*\*.*\n/, ''));
  return found.filter((line) => line !== 'ok');
}

/** Checks every event with its deliveries; yields the problems of each step. */
export function* checkEvents(database: DatabaseSync, newest = Infinity): Generator<readonly string[]> {
  const newestSeq = Number(database.prepare('SELECT max(seq) AS seq FROM event').get()?.seq);
  const range = 'seq > ? AND seq <= ?';
  const unindexed = [...selectUnindexed(database, 'event', range), ...selectUnindexed(database, 'delivery', range)];
  const selectEvents = prepareValues(
    database,
    `SELECT ${columnsOf('event')}, (SELECT group_concat(adapter.id ORDER BY adapter.id) FROM delivery JOIN adapter ON number = adapter
      WHERE delivery.seq = event.seq) AS adapters
    FROM event NOT INDEXED WHERE ${range} ORDER BY seq LIMIT ${STEP_EVENTS}`,
  );
  const selectDeliveries = prepareValues(
    database,
    `SELECT ${columnsOf('delivery')}, adapter.id, event.key, record.state,
      concat_ws(' ', record.cycle, record.attempts, record.spent, record.crashes)
    FROM delivery NOT INDEXED LEFT JOIN adapter ON number = delivery.adapter LEFT JOIN event ON event.seq = delivery.seq
      LEFT JOIN record ON record.adapter = delivery.adapter AND record.position = (
        SELECT max(position) FROM record AS own WHERE own.seq = delivery.seq AND own.adapter = delivery.adapter)
    WHERE delivery.seq > ? AND delivery.seq <= ?`,
  );
  for (let after = Math.max(0, newestSeq - newest); after < newestSeq; ) {
    const events = selectEvents.all(after, newestSeq) as unknown as CheckedEvent[];
    const last = (events.length === STEP_EVENTS && events.at(-1)?.[0]) || newestSeq;
    const deliveries = selectDeliveries.all(after, last) as unknown as CheckedDelivery[];
    const missing = unindexed.flatMap((statement) => statement.all(after, last));
    yield [
      ...events.flatMap(eventProblems),
      ...deliveries.flatMap(deliveryProblems),
      ...missing.map(({ seq, entry }) => `${entry} of seq ${seq}`),
    ];
    after = last;
  }
}

/** Checks every record, lane by lane; yields the problems of each step. */
export function* checkRecords(database: DatabaseSync, newestOfLane = Infinity): Generator<readonly string[]> {
  const range = 'record.adapter = ? AND position > ? AND position <= ?';
  const unindexed = selectUnindexed(database, 'record', range);
  const select = prepareValues(
    database,
    `SELECT ${columnsOf('record')}, adapter.id, event.id, event.source
    FROM record NOT INDEXED JOIN adapter ON number = record.adapter
      LEFT JOIN delivery ON delivery.seq = record.seq AND delivery.adapter = record.adapter
      LEFT JOIN event ON event.seq = delivery.seq
    WHERE ${range} ORDER BY position LIMIT ${STEP_RECORDS}`,
  );
  const selectLanes = database.prepare(`
    SELECT number, (SELECT max(position) FROM record WHERE adapter = number) AS newest FROM adapter`);
  for (const lane of selectLanes.all()) {
    const [adapter, newest] = [Number(lane.number), Number(lane.newest)];
    for (let after = Math.max(0, newest - newestOfLane); after < newest; ) {
      const records = select.all(adapter, after, newest) as unknown as CheckedRecord[];
      const last = records.at(-1)?.[1] ?? newest;
      const missing = unindexed.flatMap((statement) => statement.all(adapter, after, last));
      yield [
        ...records.flatMap(recordProblems),
        ...missing.map(({ position, entry }) => `${entry} of record ${position}`),
      ];
      after = last;
    }
  }
}

/** Each key has one head among its open deliveries, but none behind a dead letter where that holds its key. */
export function headProblems(database: DatabaseSync, limit: number): readonly string[] {
  const wrong = database
    .prepare(`
      SELECT adapter.id AS adapter, key, open.heads FROM (
        SELECT adapter, key, min(seq) AS oldest, sum(is_head) AS heads FROM delivery
        WHERE state < 2 AND key <> '' GROUP BY key, adapter
      ) AS open JOIN adapter ON number = open.adapter
      WHERE heads > 1 OR heads = 0 AND NOT (holds AND EXISTS (SELECT 1 FROM delivery AS dead
        WHERE dead.key = open.key AND dead.adapter = open.adapter AND dead.seq < open.oldest AND dead.state = 4))
      UNION ALL SELECT adapter.id, 'seq ' || seq, is_head FROM delivery JOIN adapter ON number = adapter
      WHERE CASE WHEN state < 2 THEN key = '' AND NOT is_head ELSE is_head END
      LIMIT ${limit}`)
    .all();
  return wrong.map(({ adapter, key, heads }) => `${key} has ${heads} heads at ${adapter}`);
}

/** For each index of a table a query for rows in a range that it should have, and has not. */
function selectUnindexed(database: DatabaseSync, table: string, range: string): readonly StatementSync[] {
  const indexes = database
    .prepare(`
      SELECT list.name, sql, (SELECT group_concat(name) FROM pragma_index_xinfo(list.name)) AS columns
      FROM pragma_index_list(?) AS list JOIN sqlite_schema AS schema ON schema.name = list.name WHERE origin <> 'pk'`)
    .all(table);
  return indexes.map(({ name, sql, columns }) => {
    const condition = String(sql).split(' WHERE ')[1] ?? 'TRUE';
    const isSameRow = String(columns)
      .split(',')
      .map((column) => `entry.${column} = ${table}.${column}`);
    return database.prepare(`
      SELECT *, 'the index ${name} has no entry' AS entry FROM ${table} NOT INDEXED
      WHERE ${range} AND ${condition} AND NOT EXISTS (
        SELECT 1 FROM ${table} AS entry INDEXED BY ${name} WHERE ${condition} AND ${isSameRow.join(' AND ')})`);
  });
}

function eventProblems(values: CheckedEvent): string[] {
  const [name, adapters, data] = [`seq ${values[0]}`, values[14] ?? '', values[13] as Uint8Array];
  return problems([
    [values[12] === rowChecksum(values, SUMMED.event, adapters), `${name} does not match its checksum`],
    [values[10] === crc32(data), `the payload of ${name} does not match its checksum`],
  ]);
}

function deliveryProblems(values: CheckedDelivery): string[] {
  const [adapterId, eventKey, recorded, recordedCounts] = values.slice(16);
  const [seq, adapter, key, state] = values;
  const counts = values.slice(10, 14);
  const name = `the delivery of seq ${seq} to ${adapterId ?? `the unknown adapter ${adapter}`}`;
  const agrees =
    state === stateCodes.waiting
      ? recorded === (counts[0] === 1 ? null : stateCodes.dead_lettered)
      : recorded === state && recordedCounts === counts.join(' ');
  return problems([
    [values[15] === rowChecksum(values, SUMMED.delivery), `${name} does not match its checksum`],
    [eventKey !== null, `${name} has no event`],
    [eventKey === key, `${name} has another key than its event`],
    [agrees, `${name} has lost its newest record, or has another one`],
  ]);
}

function recordProblems(values: CheckedRecord): string[] {
  const [adapterId, eventId, source] = [values[18], values[19], values[20]];
  const name = `record ${values[1]} of ${adapterId}`;
  const computed = rowChecksum(values, SUMMED.record, eventId ?? '', source ?? '');
  return problems([
    [eventId !== null, `${name} has no delivery`],
    [values[17] === computed, `${name} does not match its checksum`],
  ]);
}

function problems(checks: readonly (readonly [isRight: boolean, problem: string])[]): string[] {
  return checks.flatMap(([isRight, problem]) => (isRight ? [] : [problem]));
}

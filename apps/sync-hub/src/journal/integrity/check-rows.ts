import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { stateCodes } from '../sqlite/codes.ts';
import { CorruptionError } from './corruption-error.ts';
import {
  type DeliveryRow,
  deliveryChecksum,
  type EventHeadRow,
  eventChecksum,
  type RecordRow,
  recordChecksum,
} from './row-checksum.ts';

/** 32 MiB, a third of a second. All pages and indexes of a larger journal would take too long at each start. */
const CHECKED_PAGES_BYTES = 32 * 1024 * 1024;
/** Of a larger one the newest rows are checked at the start, which a crash or a lying disk harms first: some milliseconds. */
const CHECKED_AT_START = { events: 64, recordsOfLane: 256 };

/** Of one step: a fraction of a millisecond, in which no commit can run. */
const STEP_EVENTS = 4;
const STEP_RECORDS = 32;

interface CheckedEvent extends EventHeadRow {
  readonly data: Uint8Array;
  /** The ids of its adapters, in alphabetical order; null: none. */
  readonly adapters: string | null;
}

interface CheckedDelivery extends DeliveryRow {
  readonly adapter_id: string | null;
  readonly event_key: string | null;
  /** Of the newest record; null: there is none. */
  readonly recorded_state: number | null;
  readonly recorded_counts: string | null;
}

interface CheckedRecord extends RecordRow {
  readonly adapter_id: string;
  /** Null: there is no such delivery. */
  readonly event_id: string | null;
  readonly event_source: string | null;
}

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
  const selectEvents = database.prepare(`
    SELECT *, (SELECT group_concat(adapter.id ORDER BY adapter.id) FROM delivery JOIN adapter ON number = adapter
      WHERE delivery.seq = event.seq) AS adapters
    FROM event NOT INDEXED WHERE ${range} ORDER BY seq LIMIT ${STEP_EVENTS}`);
  const selectDeliveries = database.prepare(`
    SELECT delivery.*, adapter.id AS adapter_id, event.key AS event_key, record.state AS recorded_state,
      concat_ws(' ', record.cycle, record.attempts, record.spent, record.crashes) AS recorded_counts
    FROM delivery NOT INDEXED LEFT JOIN adapter ON number = delivery.adapter LEFT JOIN event ON event.seq = delivery.seq
      LEFT JOIN record ON record.adapter = delivery.adapter AND record.position = (
        SELECT max(position) FROM record AS own WHERE own.seq = delivery.seq AND own.adapter = delivery.adapter)
    WHERE delivery.seq > ? AND delivery.seq <= ?`);
  for (let after = Math.max(0, newestSeq - newest); after < newestSeq; ) {
    const events = selectEvents.all(after, newestSeq) as unknown as CheckedEvent[];
    const last = (events.length === STEP_EVENTS && events.at(-1)?.seq) || newestSeq;
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
  const select = database.prepare(`
    SELECT record.*, adapter.id AS adapter_id, event.id AS event_id, event.source AS event_source
    FROM record NOT INDEXED JOIN adapter ON number = record.adapter
      LEFT JOIN delivery ON delivery.seq = record.seq AND delivery.adapter = record.adapter
      LEFT JOIN event ON event.seq = delivery.seq
    WHERE ${range} ORDER BY position LIMIT ${STEP_RECORDS}`);
  const selectLanes = database.prepare(`
    SELECT number, (SELECT max(position) FROM record WHERE adapter = number) AS newest FROM adapter`);
  for (const lane of selectLanes.all()) {
    const [adapter, newest] = [Number(lane.number), Number(lane.newest)];
    for (let after = Math.max(0, newest - newestOfLane); after < newest; ) {
      const records = select.all(adapter, after, newest) as unknown as CheckedRecord[];
      const last = records.at(-1)?.position ?? newest;
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

function eventProblems(row: CheckedEvent): string[] {
  const name = `seq ${row.seq}`;
  return problems([
    [row.checksum === eventChecksum(row, row.adapters?.split(',') ?? []), `${name} does not match its checksum`],
    [row.data_checksum === crc32(row.data), `the payload of ${name} does not match its checksum`],
  ]);
}

function deliveryProblems(row: CheckedDelivery): string[] {
  const name = `the delivery of seq ${row.seq} to ${row.adapter_id ?? `the unknown adapter ${row.adapter}`}`;
  const { state, recorded_state: recorded, cycle, attempts, spent, crashes } = row;
  const agrees =
    state === stateCodes.waiting
      ? recorded === (cycle === 1 ? null : stateCodes.dead_lettered)
      : recorded === state && row.recorded_counts === `${cycle} ${attempts} ${spent} ${crashes}`;
  return problems([
    [row.checksum === deliveryChecksum(row), `${name} does not match its checksum`],
    [row.event_key !== null, `${name} has no event`],
    [row.event_key === row.key, `${name} has another key than its event`],
    [agrees, `${name} has lost its newest record, or has another one`],
  ]);
}

function recordProblems(row: CheckedRecord): string[] {
  const name = `record ${row.position} of ${row.adapter_id}`;
  const event = { id: row.event_id ?? '', source: row.event_source ?? '' };
  return problems([
    [row.event_id !== null, `${name} has no delivery`],
    [row.checksum === recordChecksum(row, event), `${name} does not match its checksum`],
  ]);
}

function problems(checks: readonly (readonly [isRight: boolean, problem: string])[]): string[] {
  return checks.flatMap(([isRight, problem]) => (isRight ? [] : [problem]));
}

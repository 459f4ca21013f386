import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import type { RecordedDelivery } from '../../core/delivery.ts';
import type { AcceptedEvent, SyncEvent } from '../../core/event.ts';
import { requireChecksum, rowChecksum } from '../integrity/row-checksum.ts';
import { type RecordColumns, recordFromColumns } from '../record-columns.ts';

/** What rows say only by numbers. */
interface KnownLanes {
  /** The lane of an adapter's number. */
  of(number: number): { readonly id: string };
  /** The adapters of an event, by the list in its row. */
  list(text: string | null): readonly string[];
  readonly uniqueIdsToSeq: number;
}

// Rows are the values of `SELECT <table>.*`: arrays are read much faster than objects.

/** The columns in the order of the schema. Statements name them, so that none is prepared where one is missing. */
const COLUMNS = {
  event:
    'seq id source type key time_ms content_type attributes content_hash accepted_at_ms data_checksum published_by checksum data',
  delivery:
    'seq adapter key state is_head may_follow may_have_run due_at_ms not_before_ms since_ms cycle attempts spent crashes reopened_at_ms checksum',
  record:
    'adapter position seq version state cycle attempts spent crashes at_ms next_attempt_at_ms outcome started_at_ms duration_ms receipt code message checksum',
} as const;

/** Values of the event's columns, and the numbers of its adapters as group_concat makes them (null: none). */
export type EventValues = readonly [
  ...[seq: number, id: string, source: string, type: string, key: string, timeMs: number, contentType: string],
  ...[attributes: string, contentHash: Uint8Array, acceptedAtMs: number, dataChecksum: number, publishedBy: string],
  ...[checksum: number, data: Uint8Array | null, adapters: string | null],
];

/** A delivery as it is changed: read, changed, written. */
export interface DeliveryRow {
  readonly seq: number;
  readonly adapter: number;
  readonly key: string;
  state: number;
  is_head: number;
  may_follow: number;
  /** 1: an earlier process may have attempted it, and its place among the heads does not show that. */
  may_have_run: number;
  due_at_ms: number;
  not_before_ms: number;
  /** When it was accepted or last replayed, by the monotonic clock of its hub. */
  since_ms: number;
  cycle: number;
  attempts: number;
  spent: number;
  crashes: number;
  /** Null: never. */
  reopened_at_ms: number | null;
}

export type DeliveryValues = readonly [
  ...[seq: number, adapter: number, key: string, state: number, isHead: number, mayFollow: number, mayHaveRun: number],
  ...[dueAtMs: number, notBeforeMs: number, sinceMs: number],
  ...[cycle: number, attempts: number, spent: number, crashes: number],
  ...[reopenedAtMs: number | null, checksum: number],
];

export type RecordValues = readonly [...RecordColumns, checksum: number];

/** How many values the checksum of a row is made of: those of all columns before it. */
export const SUMMED = { event: 12, delivery: 15, record: 17 } as const;

/** To be selected from event, as {@link EventValues}. */
export const EVENT_VALUES = `${columnsOf('event')}, ${adapterNumbers()}`;
/** The same without the payload, none of whose pages are read then. */
export const EVENT_VALUES_WITHOUT_DATA = EVENT_VALUES.replace('event.data,', 'NULL,');

/** All of a table, to be selected. */
export function columnsOf(table: keyof typeof COLUMNS): string {
  return COLUMNS[table]
    .split(' ')
    .map((column) => `${table}.${column}`)
    .join(', ');
}

function adapterNumbers(): string {
  return '(SELECT group_concat(sibling.adapter) FROM delivery AS sibling WHERE sibling.seq = event.seq)';
}

/** A query whose rows are arrays of values. */
export function prepareValues(database: DatabaseSync, sql: string): StatementSync {
  const statement = database.prepare(sql);
  statement.setReturnArrays(true);
  return statement;
}

/** Inserts the values of all columns of a table. */
export function prepareInsert(database: DatabaseSync, table: keyof typeof COLUMNS, onConflict = ''): StatementSync {
  const columns = COLUMNS[table].split(' ');
  return database.prepare(`INSERT INTO ${table} (${columns}) VALUES (${columns.map(() => '?')}) ${onConflict}`);
}

/** Takes the values of all columns of a delivery and writes those that change. */
export function prepareDeliveryUpdate(database: DatabaseSync): StatementSync {
  const changes = COLUMNS.delivery.split(' ').map((column, place) => `${column} = ?${place + 1}`);
  return database.prepare(`UPDATE delivery SET ${changes.slice(3)} WHERE ${changes[0]} AND ${changes[1]}`);
}

const HAS_UNIQUE_ID = { hasUniqueId: true } as const;

/** @throws {CorruptionError} when the row is not as it was written */
export function requireIntactEvent(values: EventValues, lanes: KnownLanes): void {
  const [seq, adapters] = [values[0], lanes.list(values[14]).join()];
  requireChecksum(values[12], rowChecksum(values, SUMMED.event, adapters), () => `seq ${seq}`);
  if (values[13] !== null) requireChecksum(values[10], crc32(values[13]), () => `the payload of seq ${seq}`);
}

/** @throws {CorruptionError} when the row is not as it was written */
export function eventFromValues(values: EventValues, lanes: KnownLanes): AcceptedEvent {
  requireIntactEvent(values, lanes);
  const seq = values[0];
  return {
    id: values[1],
    source: values[2],
    type: values[3],
    key: values[4],
    timeMs: values[5],
    data: values[13] as Uint8Array,
    dataContentType: values[6],
    attributes: JSON.parse(values[7]),
    seq,
    acceptedAtMs: values[9],
    publishedBy: values[11],
    adapters: lanes.list(values[14]),
    ...(seq <= lanes.uniqueIdsToSeq && HAS_UNIQUE_ID),
  };
}

/** Of whatever begins with the values of a delivery. @throws {CorruptionError} when they are not as they were written */
export function requireIntactDelivery(values: DeliveryValues, lanes: KnownLanes): void {
  const place = () => `the delivery of seq ${values[0]} to ${lanes.of(values[1]).id}`;
  requireChecksum(values[15], rowChecksum(values, SUMMED.delivery), place);
}

export function deliveryFromValues(values: DeliveryValues): DeliveryRow {
  return {
    seq: values[0],
    adapter: values[1],
    key: values[2],
    state: values[3],
    is_head: values[4],
    may_follow: values[5],
    may_have_run: values[6],
    due_at_ms: values[7],
    not_before_ms: values[8],
    since_ms: values[9],
    cycle: values[10],
    attempts: values[11],
    spent: values[12],
    crashes: values[13],
    reopened_at_ms: values[14],
  };
}

/** With its checksum. */
export function deliveryToValues(row: DeliveryRow): (number | string | null)[] {
  const values = [
    row.seq,
    row.adapter,
    row.key,
    row.state,
    row.is_head,
    row.may_follow,
    row.may_have_run,
    row.due_at_ms,
    row.not_before_ms,
    row.since_ms,
    row.cycle,
    row.attempts,
    row.spent,
    row.crashes,
    row.reopened_at_ms,
    0,
  ];
  values[SUMMED.delivery] = rowChecksum(values, SUMMED.delivery);
  return values;
}

/** What a record is reported with of its event. */
export type RecordedEvent = Pick<SyncEvent, 'id' | 'source' | 'key'>;

/** @throws {CorruptionError} when the row is not as it was written */
export function recordFromValues(values: RecordValues, event: RecordedEvent, lanes: KnownLanes): RecordedDelivery {
  const adapter = lanes.of(values[0]).id;
  const computed = rowChecksum(values, SUMMED.record, event.id, event.source);
  requireChecksum(values[17], computed, () => `record ${values[1]} of ${adapter}`);
  return recordFromColumns(values, adapter, event);
}

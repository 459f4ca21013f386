import { crc32 } from 'node:zlib';
import type { EndedAttempt, RecordedDelivery } from '../../core/delivery.ts';
import type { AcceptedEvent, SyncEvent } from '../../core/event.ts';
import {
  type DeliveryRow,
  deliveryChecksum,
  type EventHeadRow,
  eventChecksum,
  type RecordRow,
  recordChecksum,
  requireChecksum,
} from '../integrity/row-checksum.ts';
import { outcomeKind, recordedState } from './codes.ts';
import type { Lanes } from './lanes.ts';

/** What {@link EventHead} is read from; `event` must be in the query's FROM. */
export const EVENT_HEAD_COLUMNS = `
  event.seq, event.id, event.source, event.type, event.key, event.time_ms, event.content_type, event.attributes,
  event.accepted_at_ms, event.content_hash, event.data_checksum, event.checksum,
  (SELECT group_concat(sibling.adapter) FROM delivery AS sibling WHERE sibling.seq = event.seq) AS adapters`;

/** What {@link StoredEventRow} is read from. */
export const EVENT_COLUMNS = `${EVENT_HEAD_COLUMNS}, event.data`;

/** An event without its payload. */
export interface EventHead extends EventHeadRow {
  /** The numbers of the adapters that it goes to; null: none. */
  readonly adapters: string | null;
}

export interface StoredEventRow extends EventHead {
  readonly data: Uint8Array;
}

/** What a DeliveryRow is read from, beside columns of other tables of the same names. */
export const DELIVERY_COLUMNS = `
  delivery.seq, delivery.adapter, delivery.key, delivery.state, delivery.is_head, delivery.may_follow,
  delivery.may_have_run, delivery.due_at_ms, delivery.not_before_ms, delivery.since_ms, delivery.cycle,
  delivery.attempts, delivery.spent, delivery.crashes, delivery.reopened_at_ms, delivery.checksum`;

/** The values of {@link DELIVERY_COLUMNS}: arrays are read much faster than rows with names. */
type DeliveryValues = readonly [
  ...[seq: number, adapter: number, key: string, state: number, isHead: number, mayFollow: number, mayHaveRun: number],
  ...[dueAtMs: number, notBeforeMs: number, sinceMs: number],
  ...[cycle: number, attempts: number, spent: number, crashes: number],
  ...[reopenedAtMs: number | null, checksum: number],
];

export function deliveryFromValues(values: unknown): MutableDeliveryRow {
  const row = values as DeliveryValues;
  return {
    seq: row[0],
    adapter: row[1],
    key: row[2],
    state: row[3],
    is_head: row[4],
    may_follow: row[5],
    may_have_run: row[6],
    due_at_ms: row[7],
    not_before_ms: row[8],
    since_ms: row[9],
    cycle: row[10],
    attempts: row[11],
    spent: row[12],
    crashes: row[13],
    reopened_at_ms: row[14],
    checksum: row[15],
  };
}

/** A delivery as it is changed: read, changed, written. */
export type MutableDeliveryRow = { -readonly [Column in keyof DeliveryRow]: DeliveryRow[Column] };

const HAS_UNIQUE_ID = { hasUniqueId: true } as const;

/** @throws {CorruptionError} when the row is not as it was written */
export function eventFromRow(row: StoredEventRow, lanes: Lanes): AcceptedEvent {
  requireIntactHead(row, lanes);
  requireChecksum(row.data_checksum, crc32(row.data), () => `the payload of seq ${row.seq}`);
  return {
    id: row.id,
    source: row.source,
    type: row.type,
    key: row.key,
    timeMs: row.time_ms,
    data: row.data,
    dataContentType: row.content_type,
    attributes: JSON.parse(row.attributes),
    seq: row.seq,
    acceptedAtMs: row.accepted_at_ms,
    adapters: lanes.list(row.adapters),
    ...(row.seq <= lanes.uniqueIdsToSeq && HAS_UNIQUE_ID),
  };
}

/** @throws {CorruptionError} when the row is not as it was written */
export function requireIntactHead(row: EventHead, lanes: Lanes): void {
  requireChecksum(row.checksum, eventChecksum(row, lanes.list(row.adapters)), () => `seq ${row.seq}`);
}

/** @throws {CorruptionError} when the row is not as it was written */
export function requireIntactDelivery(row: DeliveryRow, lanes: Lanes): void {
  const place = () => `the delivery of seq ${row.seq} to ${lanes.of(row.adapter).id}`;
  requireChecksum(row.checksum, deliveryChecksum(row), place);
}

/** What a record is reported with of its event. */
export type RecordedEvent = Pick<SyncEvent, 'id' | 'source' | 'key'>;

/** @throws {CorruptionError} when the row is not as it was written */
export function recordFromRow(row: RecordRow, { id, source, key }: RecordedEvent, lanes: Lanes): RecordedDelivery {
  const adapter = lanes.of(row.adapter).id;
  requireChecksum(row.checksum, recordChecksum(row, { id, source }), () => `record ${row.position} of ${adapter}`);
  const attempt = attemptFromRow(row);
  return {
    adapter,
    seq: row.seq,
    eventId: id,
    source,
    key,
    adapterVersion: row.version,
    state: recordedState(row.state),
    cycle: row.cycle,
    attempts: row.attempts,
    spent: row.spent,
    crashes: row.crashes,
    atMs: row.at_ms,
    nextAttemptAtMs: row.next_attempt_at_ms,
    ...(attempt === undefined ? {} : { attempt }),
    ...(row.outcome === null && row.message !== null ? { reason: row.message } : {}),
    position: row.position,
  };
}

function attemptFromRow(row: RecordRow): EndedAttempt | undefined {
  const { outcome, started_at_ms: startedAtMs, duration_ms: durationMs, receipt, code, message } = row;
  if (outcome === null || startedAtMs === null || durationMs === null) return undefined;
  const attempt = { startedAtMs, durationMs, outcome: outcomeKind(outcome), receipt: receipt ?? '' };
  return code === null ? attempt : { ...attempt, failure: { code, message: message ?? '' } };
}

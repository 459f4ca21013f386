import { crc32 } from 'node:zlib';
import type { EndedAttempt, RecordedDelivery } from '../../core/delivery.ts';
import type { AcceptedEvent } from '../../core/event.ts';
import type { Adapters } from './adapters.ts';
import { deliveryChecksum, eventChecksum, recordChecksum, requireChecksum } from './checksum.ts';
import { outcomeKind, recordedState } from './codes.ts';

/** What {@link EventHeadRow} is read from; `event` must be in the query's FROM. */
export const EVENT_HEAD_COLUMNS = `
  event.seq, event.id, event.source, event.type, event.key, event.time_ms, event.content_type, event.attributes,
  event.accepted_at_ms, event.content_hash, event.last_cursor, event.data_checksum, event.checksum,
  (SELECT group_concat(sibling.adapter) FROM delivery AS sibling WHERE sibling.seq = event.seq) AS adapters`;

/** What {@link EventRow} is read from. */
export const EVENT_COLUMNS = `${EVENT_HEAD_COLUMNS}, event.data`;

/** An event without its payload. */
export interface EventHeadRow {
  readonly seq: number;
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly key: string;
  readonly time_ms: number;
  readonly content_type: string;
  readonly attributes: string;
  readonly accepted_at_ms: number;
  readonly content_hash: Uint8Array;
  readonly last_cursor: number;
  readonly data_checksum: number | null;
  readonly checksum: number | null;
  /** The numbers of the adapters that it goes to; null: none. */
  readonly adapters: string | null;
}

export interface EventRow extends EventHeadRow {
  readonly data: Uint8Array;
}

/** What {@link DeliveryRow} is read from, beside columns of other tables of the same names. */
export const DELIVERY_COLUMNS = `
  delivery.seq, delivery.adapter, delivery.key, delivery.state, delivery.cycle, delivery.attempts, delivery.spent,
  delivery.crashes, delivery.not_before_ms, delivery.last_cursor, delivery.reopened_at_ms, delivery.checksum`;

/** Every column of the table delivery. */
export interface DeliveryRow {
  readonly seq: number;
  readonly adapter: number;
  readonly key: string;
  readonly state: number;
  readonly cycle: number;
  readonly attempts: number;
  readonly spent: number;
  readonly crashes: number;
  readonly not_before_ms: number;
  readonly last_cursor: number;
  readonly reopened_at_ms: number | null;
  readonly checksum: number | null;
}

/** Every column of the table record. */
export interface RecordRow {
  readonly cursor: number;
  readonly previous: number;
  readonly seq: number;
  readonly adapter: number;
  readonly version: string;
  readonly state: number;
  readonly cycle: number;
  readonly attempts: number;
  readonly spent: number;
  readonly crashes: number;
  readonly at_ms: number;
  readonly next_attempt_at_ms: number;
  /** Null, like the columns after it, when no attempt led here. */
  readonly outcome: number | null;
  readonly started_at_ms: number | null;
  readonly duration_ms: number | null;
  readonly receipt: string | null;
  /** Null when no attempt failed. */
  readonly code: string | null;
  /** Of the failure; when no attempt led here, why not; or null. */
  readonly message: string | null;
  readonly checksum: number | null;
}

/** @throws Damage when the row is not as it was written. */
export function eventFromRow(row: EventRow, adapters: Adapters): AcceptedEvent {
  requireIntactHead(row, adapters);
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
    adapters: adapters.list(row.adapters),
  };
}

/** @throws Damage when the row is not as it was written. */
export function requireIntactHead(row: EventHeadRow, adapters: Adapters): void {
  requireChecksum(row.checksum, eventChecksum(row, adapters.list(row.adapters)), () => `seq ${row.seq}`);
}

/** @throws Damage when the row is not as it was written. */
export function requireIntactDelivery(row: DeliveryRow, adapters: Adapters): void {
  requireChecksum(
    row.checksum,
    deliveryChecksum(row),
    () => `the delivery of seq ${row.seq} to ${adapters.id(row.adapter)}`,
  );
}

/** @throws Damage when the row is not as it was written. */
export function recordFromRow(row: RecordRow, eventId: string, adapters: Adapters): RecordedDelivery {
  requireChecksum(row.checksum, recordChecksum(row, eventId), () => `record ${row.cursor}`);
  const attempt = attemptFromRow(row);
  return {
    adapter: adapters.id(row.adapter),
    seq: row.seq,
    eventId,
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
    cursor: row.cursor,
  };
}

function attemptFromRow(row: RecordRow): EndedAttempt | undefined {
  const { outcome, started_at_ms: startedAtMs, duration_ms: durationMs, receipt, code, message } = row;
  if (outcome === null || startedAtMs === null || durationMs === null) return undefined;
  const attempt = { startedAtMs, durationMs, outcome: outcomeKind(outcome), receipt: receipt ?? '' };
  return code === null ? attempt : { ...attempt, failure: { code, message: message ?? '' } };
}

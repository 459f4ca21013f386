import { crc32 } from 'node:zlib';
import type { ReadyDelivery, RecordedDelivery } from '../../core/delivery.ts';
import type { AcceptedEvent } from '../../core/event.ts';
import { CorruptionError } from '../journal-error.ts';
import { type RecordColumns, recordFromColumns } from '../record-columns.ts';

/** What rows say only by numbers. */
export interface KnownLanes {
  /** The id of an adapter's number. */
  id(number: number): string;
  /** In alphabetical order. */
  ids(numbers: readonly number[]): readonly string[];
  /** Up to this seq an id is unique over all sources. */
  readonly uniqueIdsToSeq: number;
}

/** A lane, as this hub knows it. */
export interface KnownLane {
  readonly number: number;
  readonly id: string;
  /** Of the newest record that was reported here. */
  position: number;
}

/** Where statements are run. */
export interface Rows {
  rows<Row>(name: string, text: string, values: readonly unknown[]): Promise<Row[]>;
}

/** To be selected from event e, in the order of {@link eventFromValues}. */
export const EVENT_VALUES =
  'e.seq, e.id, e.source, e.type, e.key, e.time_ms, e.content_type, e.attributes, e.accepted_at_ms, e.adapters, e.data_checksum, e.published_by, e.data';
const EVENT_LENGTH = 13;

export type EventValues = readonly [
  ...[seq: number, id: string, source: string, type: string, key: string, timeMs: number, contentType: string],
  ...[attributes: string, acceptedAtMs: number, adapters: number[], checksum: number, publishedBy: string],
  data: Uint8Array,
];

/** @throws {CorruptionError} when the payload is not as it was written */
export function eventFromValues(values: EventValues, lanes: KnownLanes): AcceptedEvent {
  const [seq, id, source, type, key, timeMs, dataContentType, attributes, acceptedAtMs, adapters, checksum] = values;
  const [publishedBy, data] = values.slice(11) as [string, Uint8Array];
  if (crc32(data) !== checksum) throw new CorruptionError(`the payload of seq ${seq} does not match its checksum`);
  return {
    id,
    source,
    type,
    key,
    timeMs,
    data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    dataContentType,
    attributes: JSON.parse(attributes),
    seq,
    acceptedAtMs,
    publishedBy,
    adapters: lanes.ids(adapters),
    ...(seq <= lanes.uniqueIdsToSeq && { hasUniqueId: true }),
  };
}

/** To be selected from delivery d, beside its event and its lane l. */
export const READY_VALUES = `d.cycle, d.attempts, d.spent, d.crashes, d.due_at_ms, d.not_before_ms, d.since_ms,
  d.may_have_run OR (d.due_at_ms, d.seq) <= (l.recovered_due_ms, l.recovered_seq), ${EVENT_VALUES}`;

export function readyFromValues(values: readonly unknown[], lanes: KnownLanes): ReadyDelivery {
  const [cycle, attempts, spent, crashes, dueAtMs, notBeforeMs, sinceMs, mayHaveRun] = values as [
    ...[number, number, number, number, number, number, number, boolean],
  ];
  const event = eventFromValues(values.slice(8, 8 + EVENT_LENGTH) as never as EventValues, lanes);
  return { event, cycle, attempts, spent, crashes, dueAtMs, notBeforeMs, sinceMs, mayHaveRun };
}

/** To be selected from record r and its event e. */
export const RECORD_VALUES = `r.adapter, r.position, r.seq, r.version, r.state, r.cycle, r.attempts, r.spent, r.crashes,
  r.at_ms, r.next_attempt_at_ms, r.outcome, r.started_at_ms, r.duration_ms, r.receipt, r.code, r.message,
  e.id, e.source, e.key`;

export type RecordValues = readonly [...RecordColumns, id: string, source: string, key: string];

export function recordFromValues(values: RecordValues, lanes: KnownLanes): RecordedDelivery {
  const [id, source, key] = values.slice(17) as [string, string, string];
  return recordFromColumns(values, lanes.id(values[0]), { id, source, key });
}

/** Marks what stands for a character that texts of PostgreSQL cannot hold, which is NUL, or for itself. */
const MARK = '\x01';

/** A parameter as it can be stored. */
export function storable(value: unknown): unknown {
  if (typeof value !== 'string')
    return Array.isArray(value) && typeof value[0] !== 'number' ? value.map(storable) : value;
  if (!value.includes('\0') && !value.includes(MARK)) return value;
  return value.replaceAll(MARK, `${MARK}1`).replaceAll('\0', `${MARK}0`);
}

/** The text that was stored. */
export function stored(text: string): string {
  if (!text.includes(MARK)) return text;
  const [first = '', ...marked] = text.split(MARK);
  return first + marked.map((part) => (part[0] === '0' ? '\0' : MARK) + part.slice(1)).join('');
}

import { crc32 } from 'node:zlib';
import { CorruptionError } from './corruption-error.ts';

// A checksum beside each row detects bits that changed on the disk, which SQLite itself notices only where they break
// the structure of a page. It is the CRC-32 of the row in one encoding: its numbers as little-endian doubles, after them
// the lengths of its texts, then the texts in UTF-8.

/** Every column of the table event but the payload, which has a checksum of its own: so the rest is read without it. */
export interface EventHeadRow {
  readonly seq: number;
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly key: string;
  readonly time_ms: number;
  readonly content_type: string;
  readonly attributes: string;
  readonly content_hash: Uint8Array;
  readonly accepted_at_ms: number;
  /** `crc32(data)`. */
  readonly data_checksum: number;
  readonly checksum: number;
}

/** Every column of the table delivery. */
export interface DeliveryRow {
  readonly seq: number;
  readonly adapter: number;
  readonly key: string;
  readonly state: number;
  readonly is_head: number;
  readonly may_follow: number;
  /** 1: an earlier process may have attempted it, and its place among the heads does not show that. */
  readonly may_have_run: number;
  readonly due_at_ms: number;
  readonly not_before_ms: number;
  /** When it was accepted or last replayed, by the monotonic clock of its hub. */
  readonly since_ms: number;
  readonly cycle: number;
  readonly attempts: number;
  readonly spent: number;
  readonly crashes: number;
  /** Null: never. */
  readonly reopened_at_ms: number | null;
  readonly checksum: number;
}

/** Every column of the table record. */
export interface RecordRow {
  readonly adapter: number;
  readonly position: number;
  readonly seq: number;
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
  readonly checksum: number;
}

/** @param adapters the ids of all that it goes to, in alphabetical order: so a missing delivery is found with its event */
export function eventChecksum(row: Omit<EventHeadRow, 'checksum'>, adapters: readonly string[]): number {
  return checksum(
    [row.seq, row.time_ms, row.accepted_at_ms, row.data_checksum, crc32(row.content_hash)],
    [row.id, row.source, row.type, row.key, row.content_type, row.attributes, adapters.join()],
  );
}

export function deliveryChecksum(row: Omit<DeliveryRow, 'checksum'>): number {
  return checksum(
    [
      row.seq,
      row.adapter,
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
      row.reopened_at_ms ?? NO_NUMBER,
    ],
    [row.key],
  );
}

/** @param event what a record is reported with */
export function recordChecksum(
  row: Omit<RecordRow, 'checksum'>,
  event: { readonly id: string; readonly source: string },
): number {
  return checksum(
    [
      row.adapter,
      row.position,
      row.seq,
      row.state,
      row.cycle,
      row.attempts,
      row.spent,
      row.crashes,
      row.at_ms,
      row.next_attempt_at_ms,
      row.outcome ?? NO_NUMBER,
      row.started_at_ms ?? NO_NUMBER,
      row.duration_ms ?? NO_NUMBER,
    ],
    [event.id, event.source, row.version, row.receipt, row.code, row.message],
  );
}

/** @throws {CorruptionError} */
export function requireChecksum(stored: number, computed: number, place: () => string): void {
  if (stored !== computed) throw new CorruptionError(`${place()} does not match its checksum`);
}

/** Stands for null; no time and no count is that. */
const NO_NUMBER = Number.NEGATIVE_INFINITY;
const NO_TEXT = -1;

const DOUBLE_BYTES = 8;
const buffer = new DataView(new ArrayBuffer(32 * DOUBLE_BYTES));
/** The first n numbers of the buffer. */
const views = Array.from({ length: 32 }, (_, count) => new Uint8Array(buffer.buffer, 0, count * DOUBLE_BYTES));

function checksum(numbers: readonly number[], texts: readonly (string | null)[]): number {
  let count = 0;
  // Plus 0: SQLite returns the negative zero as the positive one.
  for (const number of numbers) buffer.setFloat64(DOUBLE_BYTES * count++, number + 0, true);
  let joined = '';
  for (const text of texts) {
    buffer.setFloat64(DOUBLE_BYTES * count++, text?.length ?? NO_TEXT, true);
    if (text !== null) joined += text;
  }
  return crc32(joined, crc32(views[count] as Uint8Array));
}

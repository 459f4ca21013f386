import { endianness } from 'node:os';
import { crc32 } from 'node:zlib';
import { Damage } from './damage.ts';
import type { DeliveryRow, EventHeadRow, RecordRow } from './rows.ts';

// A checksum beside each row tells bits that changed on the disk, which SQLite itself notices only where they break the
// shape of a page. Bytes and texts go into a CRC-32; numbers are mixed by hand into its start, because a call of crc32
// for a few of them would cost more than all else. Every step is a bijection: no single change goes unnoticed.
// Null in rows of version 1, which had none.

/**
 * Of everything but the payload, for which its own checksum stands: so the rest can be read and checked alone. The
 * adapters that it goes to, in alphabetical order, go in too: a delivery that is missing is noticed with its event.
 */
export function eventChecksum(row: Omit<EventHeadRow, 'checksum' | 'adapters'>, adapters: readonly string[]): number {
  let mixed = mix(0, row.seq);
  mixed = mix(mixed, row.time_ms);
  mixed = mix(mixed, row.accepted_at_ms);
  mixed = mix(mixed, row.last_cursor);
  mixed = mix(mixed, row.data_checksum ?? 0);
  const { id, source, type, key, content_type: contentType, attributes } = row;
  return crc32(
    `${id}\0${source}\0${type}\0${key}\0${contentType}\0${attributes}\0${adapters.join()}`,
    crc32(row.content_hash, mixed >>> 0),
  );
}

/** The key, a copy of the event's, is left out. */
export function deliveryChecksum(row: Omit<DeliveryRow, 'key' | 'checksum'>): number {
  let mixed = mix(0, row.seq);
  mixed = mix(mixed, row.adapter);
  mixed = mix(mixed, row.state);
  mixed = mix(mixed, row.cycle);
  mixed = mix(mixed, row.attempts);
  mixed = mix(mixed, row.spent);
  mixed = mix(mixed, row.crashes);
  mixed = mix(mixed, row.not_before_ms);
  mixed = mix(mixed, row.last_cursor);
  mixed = mix(mixed, row.reopened_at_ms ?? -1);
  return mixed >>> 0;
}

/** The event's id goes in too: a record is told with it. */
export function recordChecksum(row: Omit<RecordRow, 'checksum'>, eventId: string): number {
  let mixed = mix(0, row.cursor);
  mixed = mix(mixed, row.previous);
  mixed = mix(mixed, row.seq);
  mixed = mix(mixed, row.adapter);
  mixed = mix(mixed, row.state);
  mixed = mix(mixed, row.cycle);
  mixed = mix(mixed, row.attempts);
  mixed = mix(mixed, row.spent);
  mixed = mix(mixed, row.crashes);
  mixed = mix(mixed, row.at_ms);
  mixed = mix(mixed, row.next_attempt_at_ms);
  mixed = mix(mixed, row.outcome ?? -1);
  mixed = mix(mixed, row.started_at_ms ?? -1);
  mixed = mix(mixed, row.duration_ms ?? -1);
  const { version, receipt, code, message } = row;
  const texts = `${eventId}\0${version}\0${receipt ?? '\x01'}\0${code ?? '\x01'}\0${message ?? '\x01'}`;
  return crc32(texts, mixed >>> 0);
}

/** @throws Damage when the row has a checksum, and another one than its content. */
export function requireChecksum(stored: number | null, computed: number, place: () => string): void {
  if (stored !== null && stored !== computed) throw new Damage(`${place()} does not match its checksum`);
}

const float = new Float64Array(1);
const halves = new Uint32Array(float.buffer);
// So that a file can go to a machine with the other order of bytes.
const [LOW, HIGH] = endianness() === 'LE' ? [0, 1] : [1, 0];

/** A number's 64 bits into 32: multiplied by odd numbers with bits all over, and turned, as MurmurHash3 does. */
function mix(mixed: number, value: number): number {
  // Plus 0: SQLite gives back the negative zero as the positive one.
  float[0] = value + 0;
  return turn(turn(mixed ^ (halves[LOW] ?? 0)) ^ (halves[HIGH] ?? 0));
}

function turn(bits: number): number {
  const product = Math.imul(bits, 0xcc_9e_2d_51);
  return Math.imul((product << 15) | (product >>> 17), 0x1b_87_35_93) + 1;
}

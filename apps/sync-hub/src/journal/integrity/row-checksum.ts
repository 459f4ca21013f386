import { crc32 } from 'node:zlib';
import { CorruptionError } from '../journal-error.ts';

// A checksum beside each row detects bits that changed on the disk, which SQLite itself notices only where they break
// the structure of a page. It is the CRC-32 of the values of all columns before it in one encoding: a little-endian double
// for each (of a text its length, of bytes their own CRC-32), then the texts in UTF-8.

export type RowValue = number | string | Uint8Array | null;

/** Encodes null; no time, no count and no length is that. */
const NULL = Number.NEGATIVE_INFINITY;

const DOUBLE_BYTES = 8;
const buffer = new DataView(new ArrayBuffer(1_024));
const bytes = new Uint8Array(buffer.buffer);
/** The first n bytes of the buffer. */
const views = new Array<Uint8Array | undefined>(bytes.length + 1);

/**
 * @param values of a row in the order of its columns; what comes after the first `count` is left out
 * @param first and second: texts of other rows that the row is reported with
 */
export function rowChecksum(values: readonly RowValue[], count: number, first = '', second = ''): number {
  const textsAt = DOUBLE_BYTES * (count + 1);
  let end = put(second, put(first, textsAt));
  buffer.setFloat64(0, first.length, true);
  for (let place = 0; place < count; place++) {
    const value = values[place];
    let number = NULL;
    // Plus 0: SQLite returns the negative zero as the positive one.
    if (typeof value === 'number') number = value + 0;
    else if (typeof value === 'string') {
      number = value.length;
      end = put(value, end);
    } else if (value instanceof Uint8Array) number = crc32(value);
    buffer.setFloat64(DOUBLE_BYTES * (place + 1), number, true);
  }
  if (end > 0) return crc32(view(end));
  const texts = values.slice(0, count).filter((value) => typeof value === 'string');
  return crc32([first, second, ...texts].join(''), crc32(view(textsAt)));
}

/** @throws {CorruptionError} */
export function requireChecksum(stored: RowValue | undefined, computed: number, place: () => string): void {
  if (stored !== computed) throw new CorruptionError(`${place()} does not match its checksum`);
}

/** Puts a text into the buffer, much faster than to encode it. Answers where it ends; 0: it is not ASCII, or too long. */
function put(text: string, at: number): number {
  if (at === 0 || at + text.length > bytes.length) return 0;
  for (let place = 0; place < text.length; place++) {
    const code = text.charCodeAt(place);
    if (code > 0x7f) return 0;
    bytes[at + place] = code;
  }
  return at + text.length;
}

function view(end: number): Uint8Array {
  const known = views[end] ?? bytes.subarray(0, end);
  views[end] = known;
  return known;
}

import { isUtf8 } from 'node:buffer';
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** Why bytes are no message that is read: a description that quotes nothing of them. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code: 'malformed' | 'too_deep' | 'too_many';
  /** The field, as "event.json" or "events.3.json"; empty for the message itself. */
  readonly path: string;

  constructor(code: WireError['code'], message: string, path: string) {
    super(message);
    this.code = code;
    this.path = path;
  }
}

/** What is read of a message. */
export interface WireBounds {
  /** How many fields it may hold, those of every message in it. */
  readonly fieldsMax: number;
  /** How deep objects and lists of google.protobuf.Struct may lie in each other. */
  readonly nestingMax: number;
}

/** The JSON of protobuf: an object and a list. */
const NESTED: ReadonlySet<string> = new Set(['google.protobuf.Struct', 'google.protobuf.ListValue']);

/**
 * Goes over a message's bytes without making anything of them: four kilobytes of gzip hold two million empty members, and
 * making these takes seconds. What passes can be decoded.
 *
 * @throws {WireError}
 */
export function checkWire(schema: DescMessage, bytes: Uint8Array, bounds: WireBounds): void {
  const walk = new WireWalk(bytes, bounds);
  try {
    walk.message(schema, bytes.byteLength, 0);
  } catch (error) {
    // The reader's own: cut off, or a number of too many bytes.
    throw error instanceof WireError ? error : walk.malformed();
  }
}

class WireWalk {
  readonly #bytes: Uint8Array;
  readonly #reader: BinaryReader;
  readonly #bounds: WireBounds;
  readonly #path: (string | number)[] = [];
  #fields = 0;

  constructor(bytes: Uint8Array, bounds: WireBounds) {
    this.#bytes = bytes;
    this.#reader = new BinaryReader(bytes);
    this.#bounds = bounds;
  }

  malformed(): WireError {
    return this.#error('malformed', 'is no protobuf message of this kind');
  }

  /** One message, up to its end; `around` is how many objects and lists enclose it. */
  message(desc: DescMessage, end: number, around: number): void {
    const { nestingMax } = this.#bounds;
    const nesting = NESTED.has(desc.typeName) ? around + 1 : around;
    if (nesting > nestingMax) {
      throw this.#error('too_deep', `is nested deeper than ${nestingMax} levels; flatten it`);
    }
    const fields = fieldsOf(desc);
    let lastOfList = -1;
    let index = 0;
    while (this.#reader.pos < end) {
      const [number, wireType] = this.#tag();
      const field = fields.get(number);
      if (field === undefined) {
        this.#skip(wireType, end);
        continue;
      }
      const { length } = this.#path;
      // Within JSON the path would be protobuf's, which nobody wrote.
      if (nesting === 0) this.#path.push(field.name);
      if (nesting === 0 && field.fieldKind === 'list') {
        index = number === lastOfList ? index + 1 : 0;
        lastOfList = number;
        this.#path.push(index);
      }
      this.#field(field, { wireType, end, nesting });
      this.#path.length = length;
    }
    if (this.#reader.pos !== end) throw this.malformed();
  }

  /** The decoder goes by what a field is declared as, whatever the wire says; so the two must be the same. */
  #field(field: DescField, place: Place): void {
    const { end, wireType } = place;
    const own = wireTypeOf(field);
    if (field.fieldKind === 'list' && wireType === WireType.LengthDelimited && own !== wireType) {
      // Packed: each item is a byte at least.
      const length = this.#length(end);
      this.#count(length);
      this.#reader.pos += length;
      return;
    }
    if (wireType !== own) throw this.malformed();
    if (wireType !== WireType.LengthDelimited) this.#scalar(wireType, end);
    else this.#delimited(field, place);
  }

  #delimited(field: DescField, { end, nesting }: Place): void {
    const { length, pos } = { length: this.#length(end), pos: this.#reader.pos };
    if (field.fieldKind === 'map') this.#entry(field, pos + length, nesting);
    else if (field.message !== undefined) this.message(field.message, pos + length, nesting);
    else this.#text(field.fieldKind === 'enum' ? undefined : field.scalar, length);
  }

  /** A member of a map is a message of two fields, which no descriptor describes. */
  #entry(field: DescField & { fieldKind: 'map' }, end: number, nesting: number): void {
    while (this.#reader.pos < end) {
      const [number, wireType] = this.#tag();
      const type = number === 1 ? field.mapKey : number === 2 ? (field.scalar ?? field.mapKind) : undefined;
      if (type === undefined) this.#skip(wireType, end);
      else if (wireType !== wireTypeOfScalar(type)) throw this.malformed();
      else if (wireType !== WireType.LengthDelimited) this.#scalar(wireType, end);
      else {
        const length = this.#length(end);
        if (typeof type === 'number') this.#text(type, length);
        else if (field.message !== undefined) this.message(field.message, this.#reader.pos + length, nesting);
      }
    }
    if (this.#reader.pos !== end) throw this.malformed();
  }

  #tag(): [number, WireType] {
    this.#count(1);
    return this.#reader.tag();
  }

  #count(more: number): void {
    const { fieldsMax } = this.#bounds;
    this.#fields += more;
    if (this.#fields > fieldsMax) throw this.#error('too_many', `holds more than ${fieldsMax} fields; split it`);
  }

  #length(end: number): number {
    const length = this.#reader.uint32();
    if (length > end - this.#reader.pos) throw this.malformed();
    return length;
  }

  #text(type: ScalarType | undefined, length: number): void {
    const { pos } = this.#reader;
    const isText = type !== ScalarType.STRING || isUtf8(this.#bytes.subarray(pos, pos + length));
    if (!isText) throw this.#error('malformed', 'is not UTF-8');
    this.#reader.pos += length;
  }

  #scalar(wireType: WireType, end: number): void {
    if (wireType === WireType.Varint) this.#reader.uint64();
    else this.#skip(wireType, end);
  }

  #skip(wireType: WireType, end: number): void {
    // Groups are of a time before proto3; nothing of ours ever had one.
    if (wireType === WireType.StartGroup) throw this.malformed();
    this.#reader.skip(wireType);
    if (this.#reader.pos > end) throw this.malformed();
  }

  #error(code: WireError['code'], message: string): WireError {
    const shown = this.#path.slice(0, 8);
    return new WireError(code, message, shown.join('.'));
  }
}

interface Place {
  readonly wireType: WireType;
  readonly end: number;
  readonly nesting: number;
}

const knownFields = new WeakMap<DescMessage, ReadonlyMap<number, DescField>>();

function fieldsOf(desc: DescMessage): ReadonlyMap<number, DescField> {
  const known = knownFields.get(desc) ?? new Map(desc.fields.map((field) => [field.number, field]));
  knownFields.set(desc, known);
  return known;
}

function wireTypeOf(field: DescField): WireType {
  if (field.fieldKind === 'map' || field.message !== undefined) return WireType.LengthDelimited;
  return wireTypeOfScalar(field.scalar ?? 'enum');
}

function wireTypeOfScalar(type: ScalarType | 'enum' | 'message' | 'scalar'): WireType {
  switch (type) {
    case 'message':
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return WireType.LengthDelimited;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return WireType.Bit64;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return WireType.Bit32;
    default:
      return WireType.Varint;
  }
}

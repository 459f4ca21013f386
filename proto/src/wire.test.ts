import { gunzipSync, gzipSync } from 'node:zlib';
import { create, fromBinary, type JsonObject, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeliverResponseSchema } from '../gen/hms/adapter/v1/adapter_service_pb.js';
import { ListDeliveriesRequestSchema } from '../gen/hms/sync/v1/admin_service_pb.js';
import {
  PublishRequestSchema,
  PublishStreamRequestSchema,
  WatchAcksRequestSchema,
} from '../gen/hms/sync/v1/sync_service_pb.js';
import { checkWire, WireError } from './wire.ts';

const bounds = { fieldsMax: 10_000, nestingMax: 64 };

function errorOf(act: () => unknown): WireError {
  try {
    act();
  } catch (error) {
    if (error instanceof WireError) return error;
    throw error;
  }
  throw new Error('it was taken');
}

/** A field of bytes: its number, then what is in it. */
function field(number: number, ...inside: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(inside);
  const length: number[] = [];
  let left = content.byteLength;
  for (; left > 127; left >>>= 7) length.push((left & 127) | 128);
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length, left]), content]);
}

const published = (json: JsonObject) =>
  toBinary(
    PublishRequestSchema,
    create(PublishRequestSchema, { event: { type: 'T', payload: { case: 'json', value: json } } }),
  );

function nested(levels: number): JsonObject {
  let json: JsonObject = {};
  for (let level = 1; level < levels; level += 1) json = { a: json };
  return json;
}

describe('a message', () => {
  it('of any content passes', () => {
    const events = fc.array(
      fc.record({
        id: fc.string(),
        key: fc.string({ unit: 'grapheme' }),
        time: fc.record({ seconds: fc.bigInt({ min: -(2n ** 60n), max: 2n ** 60n }), nanos: fc.integer() }),
        payload: fc.oneof(
          fc.record({ case: fc.constant('data' as const), value: fc.uint8Array() }),
          fc.record({
            case: fc.constant('json' as const),
            value: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 })) as fc.Arbitrary<JsonObject>,
          }),
        ),
        attributes: fc.dictionary(fc.string(), fc.string()),
      }),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(events, (list) => {
        const bytes = toBinary(PublishStreamRequestSchema, create(PublishStreamRequestSchema, { events: list }));
        expect(() => checkWire(PublishStreamRequestSchema, bytes, bounds)).not.toThrow();
      }),
    );
  });

  it('that passes can be decoded, and one that cannot be decoded does not pass', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.tuple(fc.nat(), fc.nat({ max: 255 })).map(([at, byte]) => {
        const whole = published({ a: { b: [1, 'é', null, { c: true }] }, d: 'text' });
        whole[at % whole.length] = byte;
        return whole;
      }),
    );
    fc.assert(
      fc.property(bytes, (candidate) => {
        let passes = true;
        try {
          checkWire(PublishRequestSchema, candidate, bounds);
        } catch {
          passes = false;
        }
        if (passes) expect(() => fromBinary(PublishRequestSchema, candidate)).not.toThrow();
      }),
      { numRuns: 2_000 },
    );
  });

  const heap = (tag: number) => Buffer.alloc(4 * 1024 * 1024).map((_, index) => (index % 2 === 0 ? tag : 0));
  it.each([
    ['empty members of a Struct', PublishRequestSchema, field(1, field(6, heap(0x0a))), 'event.json'],
    [
      'empty items of a list',
      PublishRequestSchema,
      field(1, field(6, field(1, field(2, field(6, heap(0x0a)))))),
      'event.json',
    ],
    ['empty attributes', PublishRequestSchema, field(1, heap(0x4a)), 'event'],
    ['empty events', PublishStreamRequestSchema, heap(0x0a), ''],
    ['empty ids', WatchAcksRequestSchema, heap(0x0a), ''],
    ['unknown fields', PublishRequestSchema, field(1, heap(0x78)), 'event'],
    ['the same field', PublishRequestSchema, field(1, heap(0x0a)), 'event'],
    ['empty outcomes', DeliverResponseSchema, heap(0x0a), ''],
  ])('is rejected, and soon, when it is a heap of %s', (_what, schema, bytes, path) => {
    const zipped = gzipSync(bytes);
    expect(zipped.byteLength).toBeLessThan(9_000);
    const whole = gunzipSync(zipped);
    const before = process.cpuUsage();
    const error = errorOf(() => checkWire(schema, whole, bounds));
    const { user, system } = process.cpuUsage(before);
    expect(error).toMatchObject({ code: 'too_many', message: 'holds more than 10000 fields; split it' });
    expect(error.path).toBe(path);
    // Made, they would take 3,000 ms.
    expect((user + system) / 1_000).toBeLessThan(400);
  });

  it('counts the items of a packed list', () => {
    const filter = ListDeliveriesRequestSchema.fields.find(({ message }) => message !== undefined);
    const states = filter?.message?.fields.find(({ fieldKind, enum: of }) => fieldKind === 'list' && of !== undefined);
    if (filter === undefined || states === undefined) throw new Error('there is no packed list any more');
    const packed = field(filter.number, field(states.number, Buffer.alloc(20_000, 1)));
    expect(errorOf(() => checkWire(ListDeliveriesRequestSchema, packed, bounds)).code).toBe('too_many');
  });

  it('is rejected with the field when JSON in it is nested too deep', () => {
    expect(() => checkWire(PublishRequestSchema, published(nested(64)), bounds)).not.toThrow();
    const error = errorOf(() => checkWire(PublishRequestSchema, published(nested(65)), bounds));
    expect(error).toMatchObject({ code: 'too_deep', path: 'event.json' });
  });

  it.each([
    ['is cut off', Uint8Array.of(0x0a, 9, 1)],
    ['is a group', Uint8Array.of(0x0b, 0x0c)],
    ['names a field by another type', Uint8Array.of(0x08, 1)],
    ['hides members behind another type', Buffer.concat([Uint8Array.of(0x0a, 4, 0x30, 2, 0x3a, 0)])],
    ['has a number without an end', Uint8Array.of(0x10, ...Array(11).fill(0xff))],
    ['has a text that is not UTF-8', field(1, field(3, Uint8Array.of(0xff)))],
    ['has a message that runs past its end', Buffer.concat([Uint8Array.of(0x0a, 2, 0x1a, 9), Buffer.alloc(9, 65)])],
  ])('is rejected when it %s', (_what, bytes) => {
    expect(errorOf(() => checkWire(PublishRequestSchema, bytes, bounds)).code).toBe('malformed');
  });
});

import { create, fromBinary, fromJson, toBinary } from '@bufbuild/protobuf';
import { SyncEventSchema } from '@hms-sync/proto/hms/sync/v1/event';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkEvent } from '../../core/event-rules.ts';
import { RequestError } from '../request-error.ts';
import { fromSyncEvent, toSyncEvent } from './event-message.ts';

const ACCEPTED_AT_MS = 1_790_000_000_500;

const message = (init: Parameters<typeof create<typeof SyncEventSchema>>[1] = {}) =>
  create(SyncEventSchema, { id: 'event-1', type: 'ProcessUpdated', ...init });
const read = (init: Parameters<typeof create<typeof SyncEventSchema>>[1] = {}) =>
  toSyncEvent(message(init), ACCEPTED_AT_MS);
const textOf = (data: Uint8Array) => new TextDecoder().decode(data);

function rejectionOf(act: () => unknown): RequestError {
  try {
    act();
  } catch (error) {
    if (error instanceof RequestError) return error;
  }
  throw new Error('not refused');
}

describe('what is absent', () => {
  it('is filled in: id, time and content type', () => {
    const { event, timeMs } = read({ id: '' });
    expect(event).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      source: '',
      type: 'ProcessUpdated',
      key: '',
      timeMs: ACCEPTED_AT_MS,
      data: new Uint8Array(),
      dataContentType: 'application/json',
      attributes: {},
    });
    expect(timeMs).toBeUndefined();
  });

  it('is refused when it is the event', () => {
    const rejection = rejectionOf(() => toSyncEvent(undefined, ACCEPTED_AT_MS));
    expect(rejection).toMatchObject({
      reason: 'EVENT_INVALID',
      fields: [{ field: 'event', description: 'is required' }],
    });
  });
});

describe('time', () => {
  it.each([
    [{ seconds: 0n, nanos: 0 }, 0],
    [{ seconds: 1n, nanos: 999_999 }, 1_000],
    [{ seconds: 1n, nanos: 999_999_999 }, 1_999],
    [{ seconds: 253_402_300_799n, nanos: 999_999_999 }, 253_402_300_799_999],
    [{ seconds: -1n, nanos: 0 }, -1_000],
  ])('%o is in milliseconds', (time, timeMs) => {
    expect(read({ time })).toMatchObject({ event: { timeMs }, timeMs });
  });

  it.each([
    { seconds: 253_402_300_800n, nanos: 0 },
    { seconds: 2n ** 63n - 1n, nanos: 0 },
    { seconds: -(2n ** 63n), nanos: 0 },
    { seconds: 0n, nanos: -1 },
    { seconds: 0n, nanos: 1_000_000_000 },
  ])('%o is one that no bound contains', (time) => {
    const { event } = read({ time });
    expect(event.timeMs).toBeNaN();
    expect(checkEvent(event).map(({ field }) => field)).toEqual(['time']);
  });
});

describe('a payload of JSON', () => {
  it('becomes bytes that do not depend on the order of members', () => {
    const a = read({ payload: { case: 'json', value: { b: 1, a: { d: [1, null], c: 'é' } } } });
    const b = read({ payload: { case: 'json', value: { a: { c: 'é', d: [1, null] }, b: 1 } } });
    expect(textOf(a.event.data)).toBe('{"a":{"c":"é","d":[1,null]},"b":1}');
    expect(a.event.data).toEqual(b.event.data);
  });

  it('keeps __proto__ as a member from the wire to the bytes', () => {
    const published = fromJson(SyncEventSchema, JSON.parse('{"type":"t","json":{"__proto__":{"admin":true}}}'));
    expect(textOf(toSyncEvent(published, 0).event.data)).toBe('{"__proto__":{"admin":true}}');
  });

  it('is refused with another content type', () => {
    const rejection = rejectionOf(() => read({ payload: { case: 'json', value: {} }, dataContentType: 'text/plain' }));
    expect(rejection).toMatchObject({ reason: 'EVENT_INVALID', fields: [{ field: 'event.data_content_type' }] });
  });

  it('is refused, without a word of it, when a number is none of JSON or it is nested too deep', () => {
    let deep: { [name: string]: import('@bufbuild/protobuf').JsonValue } = { hunter2: 1 };
    for (let depth = 0; depth < 100_000; depth += 1) deep = { a: deep };
    const published = message();
    for (const value of [{ hunter2: Number.NaN }, { a: [Number.POSITIVE_INFINITY] }, deep]) {
      const rejection = rejectionOf(() => toSyncEvent({ ...published, payload: { case: 'json', value } }, 0));
      expect(rejection).toMatchObject({ reason: 'EVENT_INVALID', fields: [{ field: 'event.json' }] });
      expect(rejection.message).not.toContain('hunter2');
    }
  });
});

describe('a payload of bytes', () => {
  it('is taken as it is', () => {
    const { event } = read({ payload: { case: 'data', value: Uint8Array.of(0, 255) }, dataContentType: 'image/png' });
    expect(event).toMatchObject({ data: Uint8Array.of(0, 255), dataContentType: 'image/png' });
  });

  it('does not hold on to the message that it came in', () => {
    // A small payload beside much else: waiting for an hour, it must cost the hub its own size and no more.
    const wire = toBinary(
      SyncEventSchema,
      message({ payload: { case: 'data', value: Uint8Array.of(1, 2, 3) }, source: 's'.repeat(100_000) }),
    );
    for (const bytes of [wire, Buffer.from(wire)]) {
      const { data } = toSyncEvent(fromBinary(SyncEventSchema, bytes), 0).event;
      expect(data).toEqual(Uint8Array.of(1, 2, 3));
      expect(data.buffer.byteLength).toBe(3);
    }
  });
});

it('is returned as it was published, its payload as bytes', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 20 });
  const published = fc.record({
    id: fc.string({ minLength: 1, maxLength: 20 }),
    source: text,
    type: text,
    key: text,
    timeMs: fc.integer({ min: 0, max: 253_402_300_799_999 }),
    data: fc.uint8Array(),
    dataContentType: fc.constantFrom('application/json', 'image/png'),
    attributes: fc.dictionary(text, text),
  });
  fc.assert(
    fc.property(published, ({ timeMs, data, ...said }) => {
      const time = { seconds: BigInt(Math.floor(timeMs / 1_000)), nanos: (timeMs % 1_000) * 1_000_000 };
      const { event } = toSyncEvent(
        create(SyncEventSchema, { ...said, time, payload: { case: 'data', value: data } }),
        0,
      );
      expect(event).toEqual({ ...said, timeMs, data });
      expect(toSyncEvent(create(SyncEventSchema, fromSyncEvent(event)), 0).event).toEqual(event);
    }),
  );
});

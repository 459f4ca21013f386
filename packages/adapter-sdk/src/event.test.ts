import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { eventFields } from '../test/delivery.ts';
import { adapterEvent } from './event.ts';
import { eventAsJson } from './event-json.ts';

const withData = (data: string | Uint8Array, dataContentType = 'application/json') =>
  adapterEvent(eventFields({ data: typeof data === 'string' ? Buffer.from(data) : data, dataContentType }));
const asText = (data: string | Uint8Array, dataContentType?: string) =>
  new TextDecoder().decode(eventAsJson(withData(data, dataContentType)));

const thrownBy = (action: () => unknown): unknown => {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};

const notJson: readonly (readonly [string, string | Uint8Array])[] = [
  ['half a document', '{"patient":"Ada Byron"'],
  ['two documents', '{}{}'],
  ['a member that breaks out of the body', '1,"type":"Forged"'],
  ['bytes that are no UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
  ['a byte order mark', Uint8Array.of(0xef, 0xbb, 0xbf, 0x31)],
];

describe('json()', () => {
  it('parses once', () => {
    const event = withData('{"a":[1]}');
    expect(event.json()).toEqual({ a: [1] });
    expect(event.json()).toBe(event.json());
  });

  it('parses a payload that is null only once', () => {
    expect(withData('null').json()).toBeNull();
  });

  it.each([...notJson, ['no data', ''] as const])(
    'throws InvalidEvent for %s, without a word of the payload',
    (_what, data) => {
      const event = withData(data);
      const thrown = thrownBy(() => event.json());
      expect(thrown).toMatchObject({ name: 'InvalidEvent', kind: 'permanent' });
      // The cause included, for whoever prints it.
      expect(inspect(thrown, { depth: 9 })).not.toContain('Ada');
    },
  );
});

describe('eventAsJson', () => {
  it('has {type, payload} and the fields that identify the event', () => {
    expect(JSON.parse(asText('{"processId":"process-7"}'))).toEqual({
      type: 'ProcessUpdated',
      payload: { processId: 'process-7' },
      id: 'event-1',
      source: 'hms-api',
      key: 'process-7',
      time: '2026-11-23T10:00:00.000Z',
    });
  });

  it('contains the payload byte for byte', () => {
    const payload = '{ "n": 12345678901234567890, "n": 1.10, "é": "\\u0041" }';
    expect(asText(payload)).toContain(`"payload":${payload},`);
  });

  it('finds the payload in a view on a larger buffer', () => {
    const pool = Buffer.from('xx{"a":1}xx');
    expect(JSON.parse(asText(pool.subarray(2, 9))).payload).toEqual({ a: 1 });
    expect(JSON.parse(asText(new Uint8Array(pool.buffer, pool.byteOffset + 2, 7), 'image/png')).payload).toBe(
      btoa('{"a":1}'),
    );
  });

  it('has a null payload when there is no data, of any type', () => {
    expect(JSON.parse(asText('', 'image/png'))).toMatchObject({ payload: null });
    expect(asText('', 'image/png')).not.toContain('payloadEncoding');
  });

  it('has other data as base64, and marks it', () => {
    const bytes = Uint8Array.of(0, 255, 34);
    expect(JSON.parse(asText(bytes, 'image/png'))).toMatchObject({
      payload: Buffer.from(bytes).toString('base64'),
      payloadEncoding: 'base64',
      payloadContentType: 'image/png',
    });
  });

  it.each(['a+json', 'a/b/c+json'])(
    'takes data of type %s, which is no media type, for bytes, as the hub does',
    (type) => {
      expect(JSON.parse(asText('{', type))).toMatchObject({ payloadEncoding: 'base64', payloadContentType: type });
    },
  );

  it.each(notJson)('rejects %s that calls itself JSON', (_what, data) => {
    expect(() => asText(data)).toThrow(expect.objectContaining({ name: 'InvalidEvent' }));
  });

  it('escapes the other fields', () => {
    const event = adapterEvent(eventFields({ type: 'a"b', key: '\n\\' }));
    expect(JSON.parse(new TextDecoder().decode(eventAsJson(event)))).toMatchObject({ type: 'a"b', key: '\n\\' });
  });
});

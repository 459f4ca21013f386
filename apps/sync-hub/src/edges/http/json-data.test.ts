import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../canonical-json.ts';
import { toSyncEvent } from '../event-message.ts';
import { jsonPayload } from './http-event.ts';
import { JsonDataError, parseExactJson, parseJson } from './json-data.ts';

const utf8 = new TextEncoder();
const parsed = (text: string) => parseExactJson(utf8.encode(text));

describe('JSON from outside', () => {
  it('is carried as the value that was sent', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const published = { ...emptyEvent, payload: jsonPayload(parsed(JSON.stringify(value)), '') };
        const { event } = toSyncEvent(published, 0);
        expect(JSON.parse(new TextDecoder().decode(event.data))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('gives the same bytes whichever order its members come in', () => {
    const bytesOf = (text: string) =>
      toSyncEvent({ ...emptyEvent, payload: jsonPayload(parsed(text), '') }, 0).event.data;
    expect(bytesOf('{"b":{"d":1,"c":2},"a":[3]}')).toEqual(bytesOf('{"a":[3],"b":{"c":2,"d":1}}'));
    expect(bytesOf('[{"b":1,"a":2}]')).toEqual(bytesOf('[{"a":2,"b":1}]'));
  });

  it.each(['9007199254740993', '{"a":[{"processId":-12345678901234567890}]}'])(
    'is refused when a whole number in it would be rounded: %s',
    (text) => {
      expect(() => parsed(text)).toThrow(/2\^53/);
      expect(() => parseJson(utf8.encode(text))).not.toThrow();
    },
  );

  it.each([
    '9007199254740991',
    '[9007199254740992]',
    '[-1152921504606847000]',
    '1e21',
    '0.1234567890123456789',
    '1e300',
    '"9007199254740993"',
  ])('is taken: %s', (text) => {
    expect(parsed(text)).toEqual(JSON.parse(text) as Json);
  });

  it('is refused when it is nested so deeply that nobody could write it again', () => {
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    expect(() => parsed(nested(256))).not.toThrow();
    expect(() => parsed(nested(258))).toThrow(/nested deeper than 256/);
    expect(() => parsed(nested(1_000_000))).toThrow(JsonDataError);
  });

  it.each([
    ['{"a":1 "b":2}', 'is not JSON: unexpected at position 7'],
    ['{"a":secret}', 'is not JSON'],
    ['{"a": " at position 3 (line 1 column 4)" secret', 'is not JSON: unexpected at position 41'],
    ['{"a":1', 'is not JSON: unexpected at position 6'],
    ['  ', 'is not JSON: it is empty'],
  ])('is refused when it is broken, with the place and no quotation: %s', (text, message) => {
    expect(() => parsed(text)).toThrow(new JsonDataError(message));
  });

  it('is refused when it is not UTF-8', () => {
    expect(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22))).toThrow('is not JSON: it is not UTF-8');
  });
});

const emptyEvent = { id: '', source: '', type: 'T', key: '', dataContentType: '', attributes: {} };

import { describe, expect, it } from 'vitest';
import { RequestError } from '../request-error.ts';
import { DEFAULT_KEY_FIELDS } from './http-event.ts';
import { readSyncBody } from './sync-body.ts';

function read(body: unknown, keyFields = DEFAULT_KEY_FIELDS) {
  return readSyncBody(new TextEncoder().encode(JSON.stringify(body)), keyFields);
}

function readText(text: string) {
  return readSyncBody(new TextEncoder().encode(text), DEFAULT_KEY_FIELDS);
}

function rejectedFields(body: unknown): readonly string[] {
  try {
    read(body);
  } catch (error) {
    if (error instanceof RequestError && error.reason === 'EVENT_INVALID')
      return error.fields.map(({ field }) => field);
    throw error;
  }
  throw new Error('it was not refused');
}

describe('the body of POST /sync', () => {
  it.each([
    ['key before all', { key: 'k', payload: { processId: 'p' } }, 'k', 'key'],
    ['an empty key, which asks for no order', { key: '', payload: { processId: 'p' } }, '', 'key'],
    ['processId', { payload: { id: 'i', policyId: 'o', processId: 'p' } }, 'p', 'payload.processId'],
    ['policyId', { payload: { id: 'i', policyId: 'o' } }, 'o', 'payload.policyId'],
    ['a number', { payload: { id: 7 } }, '7', 'payload.id'],
    [
      'the next one when the first is not a name',
      { payload: { processId: null, policyId: {}, id: 'i' } },
      'i',
      'payload.id',
    ],
    ['nothing when nothing names it', { payload: { name: 'x' } }, '', 'key'],
    ['nothing of a payload that is not an object', { payload: ['processId'] }, '', 'key'],
    ['nothing that the payload does not have itself', { payload: {} }, '', 'key'],
  ])('finds the key in %s', (_what, body, key, name) => {
    const { event, names } = read({ type: 'T', ...body });
    expect(event.key).toBe(key);
    expect(names['event.key']).toBe(name);
  });

  it('looks for the key where the operator says', () => {
    expect(read({ payload: { processId: 'p', caseId: 'c' } }, ['caseId']).event.key).toBe('c');
    expect(read({ payload: {} }, ['toString']).event.key).toBe('');
  });

  it.each([
    ['an object', { a: 1 }, { case: 'data', value: new TextEncoder().encode('{"a":1}') }],
    ['a list', [1], { case: 'data', value: new TextEncoder().encode('[1]') }],
    ['null', null, { case: 'data', value: new TextEncoder().encode('null') }],
    ['nothing', undefined, { case: undefined }],
  ])('carries %s as the payload', (_what, payload, expected) => {
    expect(read({ type: 'T', payload }).event.payload).toEqual(expected);
  });

  const NUMBERS = [
    ['9007199254740993', '9007199254740993'],
    ['9007199254740993.0', '9007199254740993'],
    ['0.10', '0.1'],
    ['1.00', '1'],
    ['123456789012345.678', '123456789012345.678'],
    ['-0', '0'],
    ['1e400', '1e+400'],
    ['1E5', '100000'],
  ] as const;
  it.each(NUMBERS)('carries %s as it was written, and takes its value for the key: %s', (number, key) => {
    for (const payload of [number, `{ "processId":\t${number} , "list":[${number}] }`]) {
      const { event } = readText(`{"type":"T",  "payload" : ${payload} ,"id":"i"}`);
      expect(new TextDecoder().decode(event.payload.value as Uint8Array)).toBe(payload);
      expect(event.key).toBe(payload === number ? '' : key);
    }
  });

  it('refuses two payloads, whatever they are called by escapes, and carries one as it was written', () => {
    expect(() => readText('{"payload":1,"pay\\u006coad":{"z":1}}')).toThrow(
      'payload is named twice in one object; name it once',
    );
    const { event } = readText('{"pay\\u006coad":{"z":1, "a":2},"x":{"payload":4}}');
    expect(new TextDecoder().decode(event.payload.value as Uint8Array)).toBe('{"z":1, "a":2}');
  });

  it('takes null for absent and passes over what it does not know', () => {
    const { event } = read({ type: 'T', id: null, source: null, key: null, time: null, attributes: null, extra: [{}] });
    expect(event).toEqual({
      ...{ id: '', source: '', type: 'T', key: '', dataContentType: '', attributes: {} },
      payload: { case: undefined },
    });
  });

  it.each([
    [{ type: 7 }, ['type']],
    [{ type: 'T', id: {}, source: [], key: 1 }, ['id', 'source', 'key']],
    [{ type: 'T', time: 'yesterday' }, ['time']],
    [{ type: 'T', time: 1_790_000_000_000 }, ['time']],
    [{ type: 'T', time: '2026-11-23' }, ['time']],
    [{ type: 'T', time: '2026-11-23T09:30:00' }, ['time']],
    [{ type: 'T', time: '2026-02-30T09:30:00Z' }, ['time']],
    [{ type: 'T', time: '2025-02-29T09:30:00+01:00' }, ['time']],
    [{ type: 'T', attributes: ['a'] }, ['attributes']],
    [{ type: 'T', attributes: { a: 1 } }, ['attributes']],
    [{ type: 'T', source: '\ud800' }, ['source']],
  ])('refuses a field of the wrong kind: %j', (body, fields) => {
    expect(rejectedFields(body)).toEqual(fields);
  });
});

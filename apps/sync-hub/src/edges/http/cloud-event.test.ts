import { describe, expect, it } from 'vitest';
import { RequestError } from '../request-error.ts';
import { DEFAULT_KEY_FIELDS, type HttpEvent } from './http-event.ts';
import { readSyncEvent, syncFormat } from './sync-format.ts';

const utf8 = new TextEncoder();

/** Reads a CloudEvent as one JSON object; undefined leaves a member out. */
function structured(members: object): HttpEvent {
  const required = { specversion: '1.0', id: 'c-1', source: '/clinic', type: 'ProcessUpdated' };
  const headers = { 'content-type': 'application/cloudevents+json' };
  const body = utf8.encode(JSON.stringify({ ...required, ...members }));
  return readSyncEvent(syncFormat(headers), { headers, body, keyFields: DEFAULT_KEY_FIELDS });
}

/** Reads a CloudEvent in headers and body. */
function binary(more: Record<string, string>, body = ''): HttpEvent {
  const required = { 'ce-specversion': '1.0', 'ce-id': 'c-1', 'ce-source': '/clinic', 'ce-type': 'ProcessUpdated' };
  const headers = { ...required, ...more };
  return readSyncEvent(syncFormat(headers), { headers, body: utf8.encode(body), keyFields: DEFAULT_KEY_FIELDS });
}

function rejectedFields(read: () => HttpEvent): readonly string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof RequestError && error.reason === 'EVENT_INVALID')
      return error.fields.map(({ field }) => field);
    throw error;
  }
  throw new Error('it was not refused');
}

describe('a CloudEvent', () => {
  it('has the same fields in both modes', () => {
    const time = '2026-11-23T09:30:00Z';
    const one = structured({ time, subject: 's', clinic: 'north', datacontenttype: 'text/plain', data: 'x' });
    const { event } = binary(
      { 'ce-time': time, 'ce-subject': 's', 'ce-clinic': 'north', 'content-type': 'text/plain' },
      'x',
    );
    expect(event).toEqual(one.event);
    expect(event).toMatchObject({
      id: 'c-1',
      source: '/clinic',
      type: 'ProcessUpdated',
      dataContentType: 'text/plain',
    });
    expect(event).toMatchObject({ payload: { case: 'data', value: utf8.encode('x') } });
    expect(event.time?.seconds).toBe(BigInt(Date.parse(time) / 1_000));
  });

  it('keeps as attributes what has no field of its own', () => {
    const { event } = structured({ subject: 's', dataschema: '/schema', Count: 3, flag: true, nothing: null });
    expect(event.attributes).toEqual({ subject: 's', dataschema: '/schema', count: '3', flag: 'true' });
  });

  it.each([
    [{ partitionkey: 'pk', subject: 's', data: { processId: 'p' } }, 'pk', 'partitionkey'],
    [{ subject: 's', data: { processId: 'p' } }, 's', 'subject'],
    [{ data: { processId: 'p' } }, 'p', 'data.processId'],
    [{ datacontenttype: 'text/plain', data: '{"processId":"p"}' }, '', 'data'],
  ])('has its key from partitionkey, subject or data, in that order: %j', (members, key, name) => {
    const { event, names } = structured(members);
    expect(event.key).toBe(key);
    expect(names['event.key']).toBe(name);
  });

  it('has its key from JSON in the body too, whose bytes stay as they are', () => {
    const body = '{ "processId": 9007199254740993 , "a":1}';
    const { event, names } = binary({ 'content-type': 'application/fhir+json; charset=utf-8' }, '{ "processId": "p" }');
    expect(event).toMatchObject({ key: 'p', payload: { case: 'data', value: utf8.encode('{ "processId": "p" }') } });
    expect(names['event.key']).toBe('body.processId');
    expect(binary({ 'content-type': 'application/json' }, body).event.payload.value).toEqual(utf8.encode(body));
  });

  it.each([
    ['an object', { data: { a: 1 } }, { case: 'data', value: utf8.encode('{"a":1}') }],
    ['a text as JSON', { data: 'x' }, { case: 'data', value: utf8.encode('"x"') }],
    [
      'an object of another JSON type',
      { datacontenttype: 'a/b+json', data: { b: 1, a: 2 } },
      { case: 'data', value: utf8.encode('{"b":1,"a":2}') },
    ],
    ['bytes', { datacontenttype: 'image/png', data_base64: 'AP8=' }, { case: 'data', value: Uint8Array.of(0, 255) }],
    ['null, which is nothing', { data: null, data_base64: null }, { case: undefined }],
  ])('carries %s', (_what, members, payload) => {
    expect(structured(members).event.payload).toEqual(payload);
  });

  it('may have no data, or data of no known type', () => {
    expect(binary({}).event).toMatchObject({ payload: { case: undefined }, dataContentType: '' });
    expect(binary({}, '\0').event).toMatchObject({
      payload: { case: 'data' },
      dataContentType: 'application/octet-stream',
    });
    expect(binary({ 'content-type': '' }, '\0').event.dataContentType).toBe('application/octet-stream');
  });

  it.each(['9007199254740993', '9007199254740993.0', '0.10', '1.00', '123456789012345.678', '-0', '1e400', '1E5'])(
    'carries %s in its data as it was written, in both modes',
    (number) => {
      const data = `{ "n" : [${number}] }`;
      const body = `{"specversion":"1.0","id":"c","source":"s","type":"T","data":${data}}`;
      const headers = { 'content-type': 'application/cloudevents+json' };
      const read = readSyncEvent(syncFormat(headers), { headers, body: utf8.encode(body), keyFields: [] });
      expect(read.event.payload).toEqual({ case: 'data', value: utf8.encode(data) });
      const inBody = binary({ 'content-type': 'application/json' }, data).event.payload;
      expect(inBody).toEqual({ case: 'data', value: utf8.encode(data) });
    },
  );

  it.each([
    ['9007199254740993', '9007199254740993'],
    ['9007199254740993.0', '9007199254740993'],
    ['0.10', '0.1'],
    ['1e400', '1e+400'],
    ['-0', '0'],
  ])('whose partitionkey is the number %s has its value for a key: %s', (number, key) => {
    const body = `{"specversion":"1.0","id":"c","source":"s","type":"T","partitionkey":${number}}`;
    const headers = { 'content-type': 'application/cloudevents+json' };
    const { event } = readSyncEvent(syncFormat(headers), { headers, body: utf8.encode(body), keyFields: [] });
    expect(event).toMatchObject({ key, attributes: { partitionkey: key } });
  });

  it.each([
    ['"q1"', 'q1'],
    ['"a \\"b\\" \\\\ c"', 'a "b" \\ c'],
    ['"100%25"', '100%'],
    ['""', ''],
    ['Euro%20%E2%82%AC%20%F0%9F%98%80', 'Euro € 😀'],
    ['%4a%4A', 'JJ'],
    ['a%2520b', 'a%20b'],
    ['Jos\u00c3\u00a9', 'José'],
    ['"Z\u00c3\u00bcrich"', 'Zürich'],
    ['a, b;c=d', 'a, b;c=d'],
    ['%22q%22', '"q"'],
  ])('has the header value %s for %s', (header, value) => {
    expect(binary({ 'ce-note': header }).event.attributes).toEqual({ note: value });
  });

  it.each(['\ud800', 'x\udc00y'])('has no text as its data that UTF-8 cannot hold: %j', (data) => {
    const datacontenttype = 'text/plain';
    expect(rejectedFields(() => structured({ datacontenttype, data }))).toEqual(['data']);
    expect(structured({ datacontenttype, data: '\ud83d\ude00' }).event.payload.value).toEqual(utf8.encode('\u{1f600}'));
  });

  it('is refused when its data has a name that nobody reads as data: it would be delivered without', () => {
    for (const name of ['DATA', 'Data', 'Data_Base64', 'DATA_BASE64']) {
      expect(rejectedFields(() => structured({ [name]: 'AP8=' }))).toEqual([name]);
      expect(structured({ [name]: null }).event.payload).toEqual({ case: undefined });
    }
    expect(rejectedFields(() => binary({ 'ce-data': 'x' }))).toEqual(['ce-data']);
    expect(rejectedFields(() => binary({ 'ce-data_base64': 'AP8=' }))).toEqual(['ce-data_base64']);
  });

  it('may have every header quoted', () => {
    const { event } = binary({ 'ce-specversion': '"1.0"', 'ce-id': '"q1"', 'ce-type': '"T"', 'ce-source': '"/s"' });
    expect(event).toMatchObject({ id: 'q1', type: 'T', source: '/s' });
  });

  it.each([
    ['a quote that is not closed', '"q1'],
    ['a quote within', 'a"b'],
    ['text after the quote', '"a" b'],
    ['a percent sign by itself', '50%'],
    ['half a character', '%C3'],
    ['a surrogate', '%ED%A0%80'],
    ['bytes of Latin-1', 'Jos\u00e9'],
    ['a quote that ends in a backslash', '"a\\"'],
  ])('is refused with the header for %s', (_what, value) => {
    expect(rejectedFields(() => binary({ 'ce-note': value }))).toEqual(['ce-note']);
  });

  it('goes by its content type when it has ce- headers as well', () => {
    const headers = { 'ce-id': 'h', 'content-type': 'application/cloudevents+json' };
    expect(syncFormat(headers)).toBe('structured_cloud_event');
  });

  it.each([
    [{ id: undefined, source: '', type: null }, ['id', 'source', 'type']],
    [{ specversion: '0.3' }, ['specversion']],
    [{ specversion: undefined }, ['specversion']],
    [{ time: 'now' }, ['time']],
    [{ extension: { nested: 1 } }, ['extension']],
    [{ datacontenttype: 5 }, ['datacontenttype']],
    [{ datacontenttype: 'text/plain', data: { a: 1 } }, ['data']],
    [{ datacontenttype: 'text/plain', data: 'x', data_base64: 'AP8=' }, ['data_base64']],
    [{ datacontenttype: 'text/plain', data_base64: 'A-_=' }, ['data_base64']],
    [{ data_base64: 'AP8=' }, ['data_base64']],
  ])('is refused in structured mode when a member is wrong: %j', (members, fields) => {
    expect(rejectedFields(() => structured(members))).toEqual(fields);
  });

  it.each([
    [{ 'ce-specversion': '2.0', 'ce-id': '' }, '', ['ce-specversion', 'ce-id']],
    [{ 'ce-note': '%zz' }, '', ['ce-note']],
    [{ 'content-type': 'application/json' }, '{"a":', ['body']],
    [{ 'content-type': 'application/json' }, '\ufeff{}', ['body']],
    [{ 'content-type': 'application/json' }, '['.repeat(65).concat(']'.repeat(65)), ['body']],
  ])('is refused in binary mode when a header is wrong: %j', (headers, body, fields) => {
    expect(rejectedFields(() => binary(headers, body))).toEqual(fields);
  });
});

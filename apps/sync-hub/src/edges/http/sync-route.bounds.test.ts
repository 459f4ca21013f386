import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { HTTP_VERSIONS } from './http-client.fixture.ts';
import { startSyncCaller } from './sync-caller.fixture.ts';

const BODY_BYTES = 4 * 1024 * 1024 - 64;
const cloudEvent = { 'content-type': 'application/cloudevents+json' };

function nested(levels: number): JsonObject {
  let json: JsonObject = {};
  for (let level = 1; level < levels; level += 1) json = { a: json };
  return json;
}

describe.each(HTTP_VERSIONS)('POST /sync over %s', (version) => {
  it.each([
    ['lists that open', '['.repeat(BODY_BYTES)],
    ['objects that open', '{"a":'.repeat(BODY_BYTES / 5)],
    ['empty lists', `{"payload":[${'[],'.repeat(BODY_BYTES / 3 - 20)}[]]}`],
    ['empty objects', `{"x":[${'{},'.repeat(BODY_BYTES / 3 - 20)}{}]}`],
    ['numbers', `[${'0,'.repeat(BODY_BYTES / 2 - 20)}0]`],
    ['members', `{${'"":0,'.repeat(BODY_BYTES / 5 - 20)}"":0}`],
  ])('refuses a body of countless %s, and soon', async (_what, body) => {
    const caller = await startSyncCaller(version);
    for (const headers of [undefined, cloudEvent]) {
      const before = process.cpuUsage();
      const answer = await caller.postJson({}, { body, ...(headers !== undefined && { headers }) });
      const { user, system } = process.cpuUsage(before);
      expect([400, 413]).toContain(answer.status);
      expect(answer.body).toMatchObject({ status: 'refused', reason: expect.stringMatching(/REQUEST_/) });
      expect((user + system) / 1_000).toBeLessThan(700);
    }
  });

  it('accepts payloads of 64 levels and refuses deeper ones by their field', async () => {
    const caller = await startSyncCaller(version);
    expect(await caller.postJson({ type: 'ProcessUpdated', payload: nested(64) })).toMatchObject({ status: 200 });
    for (const levels of [65, 1_000]) {
      const rejected = { status: 400, body: { reason: 'EVENT_INVALID', fields: [{ field: 'payload' }] } };
      const answer = await caller.postJson({ type: 'ProcessUpdated', payload: nested(levels) });
      expect(answer).toMatchObject(rejected);
      expect(answer.body).toHaveProperty('message', expect.stringContaining('64 levels'));
      const event = { specversion: '1.0', id: 'c', source: 's', type: 'ProcessUpdated', data: nested(levels) };
      const structured = await caller.postJson(event, { headers: cloudEvent });
      expect(structured).toMatchObject({ status: 400, body: { reason: 'EVENT_INVALID', fields: [{ field: 'data' }] } });
    }
  });

  it('refuses a byte order mark before {type, payload} and before a CloudEvent', async () => {
    const caller = await startSyncCaller(version);
    for (const headers of [{ 'content-type': 'application/json' }, cloudEvent]) {
      const answer = await caller.postJson({}, { headers, body: '\ufeff{"type":"T"}' });
      expect(answer).toMatchObject({ status: 400, body: { reason: 'REQUEST_INVALID' } });
      expect(answer.body).toHaveProperty('message', expect.stringContaining('byte order mark'));
    }
  });

  it('knows an event again by what it says, however it is written', async () => {
    const caller = await startSyncCaller(version);
    const body = (payload: string) => `{"type":"ProcessUpdated","id":"same","payload":${payload}}`;
    await caller.postJson({}, { body: body('{"a":1.0,"n":9007199254740993}') });
    const again = await caller.postJson({}, { body: body('{ "n" : 9007199254740993.0, "a" : 1 }') });
    expect(again).toMatchObject({ status: 200, body: { duplicate: true } });
    const other = await caller.postJson({}, { body: body('{"a":1,"n":9007199254740992}') });
    expect(other).toMatchObject({ status: 409, body: { reason: 'EVENT_ID_CONFLICT' } });
    expect(caller.acceptedData).toBe('{"a":1.0,"n":9007199254740993}');
  });

  it('reads raw UTF-8 and quotes in the headers of a CloudEvent', async () => {
    const caller = await startSyncCaller(version);
    const latin1 = Buffer.from('Zürich', 'utf8').toString('latin1');
    const headers = { 'ce-specversion': '"1.0"', 'ce-id': '"q1"', 'ce-source': '/s', 'ce-type': 'ProcessUpdated' };
    const answer = await caller.postJson({}, { headers: { ...headers, 'ce-subject': latin1 }, body: '' });
    expect(answer).toMatchObject({ status: 200, body: { event_id: 'q1' } });
    expect(caller.hub.events[0]).toMatchObject({ id: 'q1', key: 'Zürich' });
  });
});

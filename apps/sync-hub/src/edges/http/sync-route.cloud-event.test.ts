import { describe, expect, it } from 'vitest';
import { HTTP_VERSIONS, post } from './http-client.fixture.ts';
import { startSyncCaller } from './sync-caller.fixture.ts';

describe.each(HTTP_VERSIONS)('POST /sync over %s', (version) => {
  it('accepts a CloudEvent in structured mode', async () => {
    const caller = await startSyncCaller(version);
    const event = {
      specversion: '1.0',
      id: 'c-1',
      source: '/clinic',
      type: 'ProcessUpdated',
      subject: 'p-7',
      Clinic: 'north',
    };
    const answer = await post({
      ...{ version, port: caller.port },
      headers: { 'content-type': 'application/cloudevents+json; charset=UTF-8' },
      body: JSON.stringify({ ...event, data: { b: 1, a: 2 } }),
    });
    expect(answer).toMatchObject({ status: 200, body: { event_id: 'c-1' } });
    const attributes = { subject: 'p-7', clinic: 'north' };
    expect(caller.hub.events).toMatchObject([{ id: 'c-1', source: '/clinic', key: 'p-7', attributes }]);
    expect(caller.acceptedData).toBe('{"b":1,"a":2}');
  });

  it('accepts a CloudEvent in binary mode, its body byte for byte', async () => {
    const caller = await startSyncCaller(version);
    const body = Uint8Array.from({ length: 256 }, (_, index) => index);
    const headers = { 'ce-specversion': '1.0', 'ce-id': 'c-2', 'ce-source': '/clinic', 'ce-type': 'ProcessUpdated' };
    const answer = await post({
      ...{ version, port: caller.port, body },
      headers: { ...headers, 'ce-partitionkey': 'p-8', 'ce-note': 'Z%C3%BCrich', 'content-type': 'image/png' },
    });
    expect(answer).toMatchObject({ status: 200, body: { event_id: 'c-2' } });
    const attributes = { partitionkey: 'p-8', note: 'Zürich' };
    expect(caller.hub.events).toMatchObject([{ key: 'p-8', dataContentType: 'image/png', attributes }]);
    expect(caller.hub.events[0]?.data).toEqual(body);
  });
});

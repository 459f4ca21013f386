import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../core/outcome.ts';
import { HTTP_VERSIONS, type HttpVersion, openRequest, type Posted, post, sendForEver } from './http-client.suite.ts';
import { delivered, startTestHub, type TestHub, type TestHubOptions } from './test-hub.suite.ts';

const failure = { code: 'HTTP_503', message: 'the system answered 503' };
const ok = () => delivered('{"taken":true}');
const json = { 'content-type': 'application/json' };

let hub: TestHub | undefined;

afterEach(async () => {
  await hub?.close();
  hub = undefined;
});

async function start(options: Partial<TestHubOptions> = {}): Promise<TestHub> {
  hub = await startTestHub({ adapters: { billing: ok, records: ok }, ...options });
  return hub;
}

function postJson(version: HttpVersion, body: unknown, more: Partial<Posted> = {}) {
  return post({ version, port: hub?.port ?? 0, headers: json, body: JSON.stringify(body), ...more });
}

const dataOf = (index = 0) => new TextDecoder().decode(hub?.events[index]?.data);

describe.each(HTTP_VERSIONS)('POST /sync over %s', (version) => {
  it('keeps the first publisher working: {type, payload} in, {status: "ok"} out', async () => {
    await start();
    const answer = await postJson(version, {
      type: 'ProcessUpdated',
      payload: { processId: 42, timestamp: '2026-11-23T09:30:00Z' },
    });
    const taken = { state: 'DELIVERED', attempt: 1, receipt: '{"taken":true}' };
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
    expect(answer.headers.connection).not.toBe('close');
    expect(answer.body).toEqual({
      status: 'ok',
      event_id: hub?.events[0]?.id,
      duplicate: false,
      adapters: { billing: taken, records: taken },
    });
    expect(hub?.events).toMatchObject([{ type: 'ProcessUpdated', key: '42', dataContentType: 'application/json' }]);
    expect(dataOf()).toBe('{"processId":42,"timestamp":"2026-11-23T09:30:00Z"}');
  });

  it('takes id, source, key, time, attributes and the trace of the request', async () => {
    await start();
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const event = {
      id: 'e-1',
      source: 'hms-api',
      key: 'k',
      time: '2026-11-23T09:30:00.5+01:00',
      attributes: { clinic: 'north' },
    };
    await postJson(
      version,
      { type: 'ProcessUpdated', ...event },
      { headers: { ...json, traceparent, tracestate: 'a=1' } },
    );
    expect(hub?.events).toMatchObject([
      {
        ...{ id: 'e-1', source: 'hms-api', key: 'k', timeMs: Date.parse('2026-11-23T08:30:00.500Z') },
        attributes: { clinic: 'north', traceparent, tracestate: 'a=1' },
      },
    ]);
    expect(dataOf()).toBe('');
  });

  it('answers a repeated event with the original, and another one under its id with 409', async () => {
    await start();
    const event = { type: 'ProcessUpdated', id: 'e-1', payload: { processId: 'p', steps: [1] } };
    await postJson(version, event);
    const again = await postJson(version, { ...event, payload: { steps: [1], processId: 'p' } });
    expect(again).toMatchObject({ status: 200, body: { status: 'ok', event_id: 'e-1', duplicate: true } });
    const other = await postJson(version, { ...event, payload: { processId: 'p', steps: [2] } });
    expect(other.status).toBe(409);
    expect(other.body).toEqual({
      status: 'refused',
      code: 'already_exists',
      reason: 'EVENT_ID_CONFLICT',
      message: 'the id e-1 was accepted before with other content; a changed event needs an id of its own',
      fields: [{ field: 'id', description: 'was accepted before with other content' }],
    });
    expect(hub?.events).toHaveLength(1);
  });

  it('answers 202 when an adapter still tries after the wait, and says what became of it', async () => {
    await start({ adapters: { billing: ok, records: () => ({ kind: 'retryable', failure }) } });
    const answer = await postJson(version, { type: 'ProcessUpdated' }, { path: '/sync?wait=0.2s' });
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({
      status: 'pending',
      adapters: {
        billing: { state: 'DELIVERED' },
        records: {
          ...{ state: 'RETRYING', attempt: 1, error: { kind: 'RETRYABLE', ...failure } },
          next_attempt_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        },
      },
    });
  });

  it('does not wait at all when told so', async () => {
    await start({ adapters: { billing: () => new Promise<Outcome>(() => undefined) } });
    const answer = await postJson(version, { type: 'ProcessUpdated' }, { path: '/sync?wait=0s' });
    expect(answer).toMatchObject({ status: 202, body: { status: 'pending', adapters: { billing: { attempt: 0 } } } });
  });

  it('says what holds a delivery', async () => {
    const misconfigured = () => ({ kind: 'misconfigured', failure }) as const;
    await start({ adapters: { billing: misconfigured } });
    const answer = await postJson(version, { type: 'ProcessUpdated' }, { path: '/sync?wait=0.2s' });
    expect(answer).toMatchObject({
      status: 202,
      body: { adapters: { billing: { state: 'HELD', held_by: 'PAUSED' } } },
    });
  });

  it('answers 502 when an adapter ended without success', async () => {
    await start({ adapters: { billing: () => ({ kind: 'permanent', failure }), records: ok } });
    const answer = await postJson(version, { type: 'ProcessUpdated' });
    expect(answer).toMatchObject({
      status: 502,
      body: {
        status: 'failed',
        adapters: {
          billing: { state: 'DEAD_LETTERED', error: { kind: 'PERMANENT', ...failure } },
          records: { state: 'DELIVERED' },
        },
      },
    });
  });

  it('counts an adapter that does not take the type as done', async () => {
    await start();
    const answer = await postJson(version, { type: 'PolicyUpdated' });
    expect(answer).toMatchObject({ status: 200, body: { status: 'ok', adapters: { billing: { state: 'SKIPPED' } } } });
  });

  it('takes a CloudEvent in structured mode', async () => {
    await start();
    const event = {
      specversion: '1.0',
      id: 'c-1',
      source: '/clinic',
      type: 'ProcessUpdated',
      subject: 'p-7',
      Clinic: 'north',
    };
    const answer = await post({
      ...{ version, port: hub?.port ?? 0 },
      headers: { 'content-type': 'application/cloudevents+json; charset=UTF-8' },
      body: JSON.stringify({ ...event, data: { b: 1, a: 2 } }),
    });
    expect(answer).toMatchObject({ status: 200, body: { event_id: 'c-1' } });
    const attributes = { subject: 'p-7', clinic: 'north' };
    expect(hub?.events).toMatchObject([{ id: 'c-1', source: '/clinic', key: 'p-7', attributes }]);
    expect(dataOf()).toBe('{"a":2,"b":1}');
  });

  it('takes a CloudEvent in binary mode, its body byte for byte', async () => {
    await start();
    const body = Uint8Array.from({ length: 256 }, (_, index) => index);
    const headers = { 'ce-specversion': '1.0', 'ce-id': 'c-2', 'ce-source': '/clinic', 'ce-type': 'ProcessUpdated' };
    const answer = await post({
      ...{ version, port: hub?.port ?? 0, body },
      headers: { ...headers, 'ce-partitionkey': 'p-8', 'ce-note': 'Z%C3%BCrich', 'content-type': 'image/png' },
    });
    expect(answer).toMatchObject({ status: 200, body: { event_id: 'c-2' } });
    const attributes = { partitionkey: 'p-8', note: 'Zürich' };
    expect(hub?.events).toMatchObject([{ key: 'p-8', dataContentType: 'image/png', attributes }]);
    expect(hub?.events[0]?.data).toEqual(body);
  });

  it.each([
    ['a form', 'application/x-www-form-urlencoded', 'application/json'],
    ['a batch of CloudEvents', 'application/cloudevents-batch+json', 'batches are not taken'],
    ['text', 'text/plain', 'application/json'],
    ['JSON that is not UTF-8', 'application/json; charset=utf-16', 'UTF-8'],
    ['something that is no media type', 'json', 'application/json'],
  ])('refuses %s with 415', async (_what, contentType, says) => {
    await start();
    const answer = await postJson(version, {}, { headers: { 'content-type': contentType } });
    const body = { status: 'refused', code: 'invalid_argument', reason: 'REQUEST_TYPE_UNSUPPORTED', fields: [] };
    expect(answer).toMatchObject({ status: 415, body });
    expect(answer.body).toHaveProperty('message', expect.stringContaining(says));
    expect(hub?.events).toEqual([]);
  });

  it('refuses a compressed body with 415', async () => {
    await start();
    const answer = await postJson(version, {}, { headers: { ...json, 'content-encoding': 'gzip' } });
    expect(answer).toMatchObject({ status: 415, body: { reason: 'REQUEST_TYPE_UNSUPPORTED' } });
  });

  it.each([
    ['{"type": "secret" "x"}', 'the body is not JSON: unexpected at position 18'],
    ['{"type": secret}', 'the body is not JSON'],
    ['', 'the body is not JSON: it is empty'],
    ['[]', 'the body must be a JSON object'],
  ])('refuses the broken body %s with 400 and does not quote it', async (body, says) => {
    await start();
    const answer = await postJson(version, {}, { body });
    expect(answer).toMatchObject({ status: 400, body: { reason: 'REQUEST_INVALID', fields: [] } });
    expect(answer.body).toHaveProperty('message', expect.stringContaining(says));
    expect(JSON.stringify(answer.body)).not.toContain('secret');
  });

  it('names every wrong field as the sender calls it', async () => {
    await start();
    const answer = await postJson(version, { id: 'with space', payload: { processId: 'p'.repeat(300) } });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_argument', reason: 'EVENT_INVALID' } });
    const { fields, message } = answer.body as { fields: { field: string; description: string }[]; message: string };
    expect(fields.map(({ field }) => field)).toEqual(['id', 'type', 'payload.processId']);
    expect(message).toBe(fields.map(({ field, description }) => `${field} ${description}`).join('; '));
    expect(hub?.events).toEqual([]);
  });

  it('refuses a payload over the limit with 413 that names the payload', async () => {
    await start({ eventBytesMax: 10 });
    const answer = await postJson(version, { type: 'ProcessUpdated', payload: 'more than ten bytes' });
    expect(answer).toMatchObject({ status: 413, body: { reason: 'EVENT_TOO_LARGE', fields: [{ field: 'payload' }] } });
    expect(answer.body).toHaveProperty('message', expect.stringMatching(/^payload is 21 bytes/));
  });

  it('refuses a wait out of bounds before it accepts anything', async () => {
    await start();
    for (const wait of ['61s', '-1s', '5', 'long', '']) {
      const answer = await postJson(version, { type: 'ProcessUpdated' }, { path: `/sync?wait=${wait}` });
      expect(answer).toMatchObject({ status: 400, body: { reason: 'REQUEST_INVALID', fields: [{ field: 'wait' }] } });
    }
    expect(hub?.events).toEqual([]);
  });

  it('answers 413 to a body over the bound, though the client goes on sending', async () => {
    await start({ bodyBounds: { sizeBytesMax: 1_000, withinMs: 10_000 } });
    // Far more than the buffers between the two hold.
    const body = Buffer.alloc(16 * 1024 * 1024, ' ');
    const said = await postJson(version, {}, { body });
    expect(said).toMatchObject({ status: 413, body: { code: 'resource_exhausted', reason: 'REQUEST_TOO_LARGE' } });
    const headers = { ...json, 'content-length': String(body.byteLength) };
    const announced = await postJson(version, {}, { body, headers });
    expect(announced).toMatchObject({ status: 413, body: { reason: 'REQUEST_TOO_LARGE' } });
    expect(hub?.faults).toEqual([]);
  });

  it('answers 408 to a body that does not come to its end', async () => {
    await start({ bodyBounds: { sizeBytesMax: 1_000, withinMs: 50 } });
    const answer = await postJson(version, {}, { body: '{"type":', isUnfinished: true });
    expect(answer).toMatchObject({ status: 408, body: { code: 'aborted', reason: 'REQUEST_TOO_SLOW' } });
    expect(hub?.events).toEqual([]);
  });

  it('keeps an event whose sender went away while it waited', async () => {
    const attempted = Promise.withResolvers<void>();
    const outcome = Promise.withResolvers<Outcome>();
    const billing = () => {
      attempted.resolve();
      return outcome.promise;
    };
    const { port, journal, faults } = await start({ adapters: { billing } });
    const leave = openRequest({ version, port, body: '{"type":"ProcessUpdated","id":"e-1"}' });
    await attempted.promise;
    await leave();
    outcome.resolve(delivered(''));
    await vi.waitFor(async () => {
      expect(await journal.readEvent('e-1')).toMatchObject({ deliveries: [{ state: 'delivered' }] });
    });
    expect(await postJson(version, { type: 'ProcessUpdated', id: 'e-1' })).toMatchObject({ status: 200 });
    expect(faults).toEqual([]);
  });

  it('gives a client that never stops sending a moment to read the answer, then hangs up', async () => {
    const { port } = await start({ bodyBounds: { sizeBytesMax: 1_000, withinMs: 10_000 } });
    const { status } = await sendForEver({ version, port });
    expect(status).toBe(413);
  });

  it('answers 503 with Retry-After while the disk is full, while it stops, and when the journal failed', async () => {
    const { journal, intake } = await start();
    const event = { type: 'ProcessUpdated', id: 'e-1' };
    journal.disk.isFull = true;
    const full = await postJson(version, event);
    expect(full).toMatchObject({ status: 503, headers: { 'retry-after': '30' } });
    expect(full.body).toMatchObject({ status: 'refused', code: 'resource_exhausted', reason: 'JOURNAL_FULL' });
    await journal.close();
    const failed = await postJson(version, event);
    expect(failed).toMatchObject({ status: 503, headers: { 'retry-after': '2' }, body: { reason: 'JOURNAL_FAILED' } });
    intake.stop();
    const stopping = await postJson(version, event);
    expect(stopping).toMatchObject({ status: 503, headers: { 'retry-after': '2' }, body: { reason: 'HUB_STOPPING' } });
  });

  it('leaves the trace that an event names alone', async () => {
    await start();
    const trace = (id: string) => ({ traceparent: `00-${id.repeat(32)}-${id.repeat(16)}-01` });
    const headers = { ...json, ...trace('a'), tracestate: 'a=1' };
    await postJson(version, { type: 'ProcessUpdated', attributes: trace('b') }, { headers });
    expect(hub?.events[0]?.attributes).toEqual(trace('b'));
  });

  it('answers 503 when the hub is at fault, and says nothing of the fault', async () => {
    const { journal } = await start();
    vi.spyOn(journal, 'accept').mockRejectedValue(new TypeError('undefined is not a journal'));
    const answer = await postJson(version, { type: 'ProcessUpdated' });
    expect(answer).toMatchObject({ status: 503, body: { status: 'refused', reason: 'JOURNAL_FAILED' } });
    expect(JSON.stringify(answer.body)).not.toContain('undefined');
    expect(hub?.faults).toMatchObject([{ message: 'undefined is not a journal' }]);
  });

  it('still says that an event is accepted when its state cannot be read', async () => {
    const { journal } = await start();
    vi.spyOn(journal, 'readEvent').mockRejectedValue(new Error('disk on fire'));
    const answer = await postJson(version, { type: 'ProcessUpdated', id: 'e-1' });
    expect(answer.status).toBe(202);
    expect(answer.body).toEqual({ status: 'pending', event_id: 'e-1', duplicate: false, adapters: {} });
    expect(hub?.faults).toMatchObject([{ message: 'disk on fire' }]);
  });
});

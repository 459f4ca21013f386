import { describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../core/outcome.ts';
import { delivered } from '../publishing/hub.fixture.ts';
import { HTTP_VERSIONS, openRequest } from './http-client.fixture.ts';
import { json, ok, startSyncCaller } from './sync-caller.fixture.ts';

const failure = { code: 'HTTP_503', message: 'the system answered 503' };

describe.each(HTTP_VERSIONS)('POST /sync over %s', (version) => {
  it('keeps the first publisher working: {type, payload} in, {status: "ok"} out', async () => {
    const caller = await startSyncCaller(version);
    const answer = await caller.postJson({
      type: 'ProcessUpdated',
      payload: { processId: 42, timestamp: '2026-11-23T09:30:00Z' },
    });
    const taken = { state: 'DELIVERED', attempt: 1, receipt: '{"taken":true}' };
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
    expect(answer.headers.connection).not.toBe('close');
    expect(answer.body).toEqual({
      status: 'ok',
      event_id: caller.hub.events[0]?.id,
      source: '',
      duplicate: false,
      adapters: { billing: taken, records: taken },
    });
    expect(caller.hub.events).toMatchObject([
      { type: 'ProcessUpdated', key: '42', dataContentType: 'application/json' },
    ]);
    expect(caller.acceptedData).toBe('{"processId":42,"timestamp":"2026-11-23T09:30:00Z"}');
  });

  it('reads id, source, key, time, attributes and the trace of the request', async () => {
    const caller = await startSyncCaller(version);
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const event = {
      id: 'e-1',
      source: 'hms-api',
      key: 'k',
      time: '2026-11-23T09:30:00.5+01:00',
      attributes: { clinic: 'north' },
    };
    await caller.postJson(
      { type: 'ProcessUpdated', ...event },
      { headers: { ...json, traceparent, tracestate: 'a=1' } },
    );
    expect(caller.hub.events).toMatchObject([
      {
        ...{ id: 'e-1', source: 'hms-api', key: 'k', timeMs: Date.parse('2026-11-23T08:30:00.500Z') },
        attributes: { clinic: 'north', traceparent, tracestate: 'a=1' },
      },
    ]);
    expect(caller.acceptedData).toBe('');
  });

  it('leaves the trace that an event names alone', async () => {
    const caller = await startSyncCaller(version);
    const trace = (id: string) => ({ traceparent: `00-${id.repeat(32)}-${id.repeat(16)}-01` });
    const headers = { ...json, ...trace('a'), tracestate: 'a=1' };
    await caller.postJson({ type: 'ProcessUpdated', attributes: trace('b') }, { headers });
    expect(caller.hub.events[0]?.attributes).toEqual(trace('b'));
  });

  it('answers a repeated event with the original, and another one under its id with 409', async () => {
    const caller = await startSyncCaller(version);
    const event = { type: 'ProcessUpdated', id: 'e-1', payload: { processId: 'p', steps: [1] } };
    await caller.postJson(event);
    const again = await caller.postJson({ ...event, payload: { steps: [1], processId: 'p' } });
    expect(again).toMatchObject({ status: 200, body: { status: 'ok', event_id: 'e-1', duplicate: true } });
    const other = await caller.postJson({ ...event, payload: { processId: 'p', steps: [2] } });
    expect(other.status).toBe(409);
    expect(other.body).toEqual({
      status: 'refused',
      code: 'already_exists',
      reason: 'EVENT_ID_CONFLICT',
      message:
        'the id e-1 of the empty source was accepted before with other content; a changed event needs an id of its own',
      fields: [{ field: 'id', description: 'was accepted before from this source with other content' }],
    });
    expect(caller.hub.events).toHaveLength(1);
  });

  it('answers 202 when an adapter still tries after the wait, and says its status', async () => {
    const caller = await startSyncCaller(version, {
      adapters: { billing: ok, records: () => ({ kind: 'retryable', failure }) },
    });
    const answer = await caller.postJson({ type: 'ProcessUpdated' }, { path: '/sync?wait=0.2s' });
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

  it('does not wait at all when asked not to', async () => {
    const caller = await startSyncCaller(version, {
      adapters: { billing: () => new Promise<Outcome>(() => undefined) },
    });
    const answer = await caller.postJson({ type: 'ProcessUpdated' }, { path: '/sync?wait=0s' });
    expect(answer).toMatchObject({ status: 202, body: { status: 'pending', adapters: { billing: { attempt: 0 } } } });
  });

  it('says what holds a delivery', async () => {
    const misconfigured = () => ({ kind: 'misconfigured', failure }) as const;
    const caller = await startSyncCaller(version, { adapters: { billing: misconfigured } });
    const answer = await caller.postJson({ type: 'ProcessUpdated' }, { path: '/sync?wait=0.2s' });
    expect(answer).toMatchObject({
      status: 202,
      body: { adapters: { billing: { state: 'HELD', held_by: 'PAUSED' } } },
    });
  });

  it('answers 502 when an adapter ended without success', async () => {
    const caller = await startSyncCaller(version, {
      adapters: { billing: () => ({ kind: 'permanent', failure }), records: ok },
    });
    const answer = await caller.postJson({ type: 'ProcessUpdated' });
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
    const caller = await startSyncCaller(version);
    const answer = await caller.postJson({ type: 'PolicyUpdated' });
    expect(answer).toMatchObject({ status: 200, body: { status: 'ok', adapters: { billing: { state: 'SKIPPED' } } } });
  });

  it('keeps an event whose sender went away while it waited', async () => {
    const attempted = Promise.withResolvers<void>();
    const outcome = Promise.withResolvers<Outcome>();
    const billing = () => {
      attempted.resolve();
      return outcome.promise;
    };
    const caller = await startSyncCaller(version, { adapters: { billing } });
    const { port } = caller;
    const { journal, faults } = caller.hub;
    const leave = openRequest({ version, port, body: '{"type":"ProcessUpdated","id":"e-1"}' });
    await attempted.promise;
    await leave();
    outcome.resolve(delivered);
    await vi.waitFor(async () => {
      expect(await journal.readEvent({ id: 'e-1' })).toMatchObject({ deliveries: [{ state: 'delivered' }] });
    }, 20_000);
    expect(await caller.postJson({ type: 'ProcessUpdated', id: 'e-1' })).toMatchObject({ status: 200 });
    expect(faults).toEqual([]);
  });

  it('still says that an event is accepted when its state cannot be read', async () => {
    const caller = await startSyncCaller(version);
    const { journal } = caller.hub;
    vi.spyOn(journal, 'readEvent').mockRejectedValue(new Error('disk on fire'));
    const answer = await caller.postJson({ type: 'ProcessUpdated', id: 'e-1' });
    expect(answer.status).toBe(202);
    expect(answer.body).toEqual({ status: 'pending', event_id: 'e-1', source: '', duplicate: false, adapters: {} });
    expect(caller.hub.faults).toMatchObject([{ message: 'disk on fire' }]);
  });
});

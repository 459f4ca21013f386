import { createHmac } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AdapterHost, createAdapterHost, type DefinedAdapter, type DeliveryAttempt } from '../src/host/host.ts';
import { attemptOf, eventFields, recordingLog } from './delivery.ts';
import { type ExternalSystem, externalSystem } from './external-system.ts';
import { signal } from './hosts.ts';

/** An adapter that posts each event to one path below its base URL. */
export interface HttpAdapter {
  readonly definition: DefinedAdapter;
  /** Its id, as its manifest has it. */
  readonly id: string;
  /** Where it posts to, such as `/billing-sync`. */
  readonly path: string;
  /** The type of the event that it is given. */
  readonly eventType: string;
}

const signingKey = Buffer.from('a signing key of thirty-two byte');
const signingSecret = `whsec_${signingKey.toString('base64')}`;
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** What an adapter that speaks HTTP promises, against a real server: the same for each of them. */
export function describeHttpAdapter({ definition, id, path, eventType }: HttpAdapter): void {
  const token = `a-token-of-${id}`;
  const attempt: DeliveryAttempt = attemptOf({
    event: eventFields({ type: eventType, attributes: { traceparent } }),
    idempotencyKey: `event-1/${id}`,
  });
  let system: ExternalSystem;
  let answer: (response: ServerResponse) => unknown;
  let records: readonly unknown[];
  let host: AdapterHost;

  beforeEach(async () => {
    answer = (response) => response.end('{"status":"ok"}');
    system = await externalSystem((response) => answer(response));
    const recording = recordingLog();
    records = recording.records;
    host = createAdapterHost(definition, { adapter: { id, version: '0.1.0' }, log: recording.log });
  });

  afterEach(async () => {
    await host.close();
    await system[Symbol.asyncDispose]();
  });

  it('takes every type of event', () => {
    expect(host.description.accepts).toBeUndefined();
  });

  describe('a delivery', () => {
    it(`posts the event to ${path} below the base URL and returns the answer as receipt`, async () => {
      expect(await host.configure({ baseUrl: `${system.baseUrl}/hms/`, token, signingSecret })).toEqual([]);
      expect(await host.deliver(attempt, signal)).toEqual({ kind: 'delivered', receipt: '{"status":"ok"}' });
      expect(system.calls).toMatchObject([
        {
          method: 'POST',
          path: `/hms${path}`,
          headers: {
            authorization: `Bearer ${token}`,
            'content-type': 'application/json',
            'idempotency-key': `event-1/${id}`,
            traceparent,
          },
        },
      ]);
      expect(JSON.parse(system.calls[0]?.body ?? '')).toEqual({
        type: eventType,
        payload: { processId: 'process-7', patient: 'Ada Byron' },
        id: 'event-1',
        source: 'hms-api',
        key: 'process-7',
        time: '2026-11-23T10:00:00.000Z',
      });
    });

    it('is signed by Standard Webhooks when there is a secret', async () => {
      await host.configure({ baseUrl: system.baseUrl, signingSecret });
      await host.deliver(attempt, signal);
      const { headers, body = '' } = system.calls[0] ?? {};
      const signed = `${headers?.['webhook-id']}.${headers?.['webhook-timestamp']}.${body}`;
      const signature = createHmac('sha256', signingKey).update(signed).digest('base64');
      expect(headers).toMatchObject({ 'webhook-id': `event-1/${id}`, 'webhook-signature': `v1,${signature}` });
    });

    it('carries neither token nor signature when there is none', async () => {
      await host.configure({ baseUrl: system.baseUrl });
      await host.deliver(attempt, signal);
      expect(system.calls[0]?.headers).not.toHaveProperty('authorization');
      expect(system.calls[0]?.headers).not.toHaveProperty('webhook-signature');
    });

    it.each([
      [302, {}, 'misconfigured'],
      [401, {}, 'unauthorized'],
      [422, {}, 'permanent'],
      [429, {}, 'throttled'],
      [500, {}, 'retryable'],
      [503, { 'retry-after': '3' }, 'throttled'],
    ])('answered by %i %j is %s, and neither payload nor secret is told', async (status, headers, kind) => {
      answer = (response) => response.writeHead(status, headers).end(`Ada Byron ${token}`);
      await host.configure({ baseUrl: system.baseUrl, token, signingSecret });
      const outcome = await host.deliver(attempt, signal);
      expect(outcome).toMatchObject({ kind, code: `HTTP_${status}` });
      expect(JSON.stringify([outcome, records])).not.toMatch(new RegExp(`Ada|${token}|whsec_`));
    });

    it('whose connection is reset is retryable', async () => {
      answer = (response) => response.socket?.resetAndDestroy();
      await host.configure({ baseUrl: system.baseUrl });
      expect(await host.deliver(attempt, signal)).toMatchObject({ kind: 'retryable' });
    });

    it('that hangs ends with its signal', async () => {
      answer = () => undefined;
      await host.configure({ baseUrl: system.baseUrl });
      const abort = new AbortController();
      const outcome = host.deliver(attempt, abort.signal);
      await system.called(1);
      abort.abort();
      expect(await outcome).toMatchObject({ kind: 'retryable', code: 'ABORTED' });
    });

    it('of data that should be JSON and is not never leaves', async () => {
      await host.configure({ baseUrl: system.baseUrl });
      const broken = { ...attempt, event: { ...attempt.event, data: Buffer.from('Ada Byron') } };
      const outcome = await host.deliver(broken, signal);
      expect(outcome).toMatchObject({
        kind: 'permanent',
        code: 'INVALID_EVENT',
        message: expect.not.stringContaining('Ada'),
      });
      expect(system.calls).toEqual([]);
    });
  });

  describe('a configuration', () => {
    it.each([
      ['baseUrl', {}],
      ['baseUrl', { baseUrl: `${id}.example` }],
      ['baseUrl', { baseUrl: `ftp://${id}.example` }],
      ['baseUrl', { baseUrl: `https://user:hunter2@${id}.example` }],
      ['token', { baseUrl: `https://${id}.example`, token: '' }],
      ['token', { baseUrl: `https://${id}.example`, token: 'hunter2\n' }],
      ['signingSecret', { baseUrl: `https://${id}.example`, signingSecret: 'hunter2' }],
      ['', { baseUrl: `https://${id}.example`, tokn: 'hunter2' }],
    ])('that is wrong at %j is refused: %j', async (path, config) => {
      const diagnostics = await host.configure(config);
      expect(diagnostics).toMatchObject([{ path }]);
      expect(JSON.stringify(diagnostics)).not.toContain('hunter2');
    });
  });

  describe('check', () => {
    it.each([
      [200, [true, true]],
      [403, [true, false]],
      [503, [false, true]],
    ])('of a system that answers %i finds reach and credentials %j, and posts nothing', async (status, found) => {
      answer = (response) => response.writeHead(status).end();
      await host.configure({ baseUrl: system.baseUrl, token });
      expect((await host.check()).map(({ ok }) => ok)).toEqual(found);
      expect(system.calls).toMatchObject([{ method: 'HEAD', path: '/' }]);
    });
  });
}

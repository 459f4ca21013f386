import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AdapterHost, type AdapterLog, createAdapterHost, type DeliveryAttempt } from '@hms-sync/adapter-sdk/host';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import adapter from './adapter.ts';

const token = 'a-token-of-billing';
const signingKey = Buffer.from('a signing key of thirty-two byte');
const signingSecret = `whsec_${signingKey.toString('base64')}`;
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

const attempt: DeliveryAttempt = {
  event: {
    id: 'event-1',
    source: 'hms-api',
    type: 'PolicyUpdated',
    key: 'process-7',
    time: new Date('2026-11-23T10:00:00Z'),
    data: Buffer.from('{"processId":"process-7","patient":"Ada Byron"}'),
    dataContentType: 'application/json',
    attributes: { traceparent },
  },
  idempotencyKey: 'event-1/billing',
  attempt: 1,
  redelivered: false,
  timeoutMs: 10_000,
};

interface Call {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const { signal } = new AbortController();
let server: Server;
let baseUrl: string;
let calls: Call[];
let answer: (response: ServerResponse) => unknown;
let said: string[];
let host: AdapterHost;

beforeEach(async () => {
  calls = [];
  said = [];
  answer = (response) => response.end('{"status":"ok"}');
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method, url: path, headers } = request;
    calls.push({ method, path, headers, body: Buffer.concat(chunks).toString() });
    answer(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const say = (...record: unknown[]) => said.push(JSON.stringify(record));
  const log: AdapterLog = { debug: say, info: say, warn: say, error: say };
  host = createAdapterHost(adapter, { adapter: { id: 'billing', version: '0.1.0' }, log });
});

afterEach(async () => {
  await host.close();
  server.closeAllConnections();
  server.close();
});

it('takes every type of event', () => {
  expect(host.description.accepts).toBeUndefined();
});

describe('a delivery', () => {
  it('posts the event to /billing-sync below the base URL and returns the answer as receipt', async () => {
    expect(await host.configure({ baseUrl: `${baseUrl}/hms/`, token, signingSecret })).toEqual([]);
    expect(await host.deliver(attempt, signal)).toEqual({ kind: 'delivered', receipt: '{"status":"ok"}' });
    expect(calls).toMatchObject([
      {
        method: 'POST',
        path: '/hms/billing-sync',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'idempotency-key': 'event-1/billing',
          traceparent,
        },
      },
    ]);
    expect(JSON.parse(calls[0]?.body ?? '')).toEqual({
      type: 'PolicyUpdated',
      payload: { processId: 'process-7', patient: 'Ada Byron' },
      id: 'event-1',
      source: 'hms-api',
      key: 'process-7',
      time: '2026-11-23T10:00:00.000Z',
    });
  });

  it('is signed by Standard Webhooks when there is a secret', async () => {
    await host.configure({ baseUrl, signingSecret });
    await host.deliver(attempt, signal);
    const { headers, body = '' } = calls[0] ?? {};
    const signed = `${headers?.['webhook-id']}.${headers?.['webhook-timestamp']}.${body}`;
    const signature = createHmac('sha256', signingKey).update(signed).digest('base64');
    expect(headers).toMatchObject({ 'webhook-id': 'event-1/billing', 'webhook-signature': `v1,${signature}` });
  });

  it('carries neither token nor signature when there is none', async () => {
    await host.configure({ baseUrl });
    await host.deliver(attempt, signal);
    expect(calls[0]?.headers).not.toHaveProperty('authorization');
    expect(calls[0]?.headers).not.toHaveProperty('webhook-signature');
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
    await host.configure({ baseUrl, token, signingSecret });
    const outcome = await host.deliver(attempt, signal);
    expect(outcome).toMatchObject({ kind, code: `HTTP_${status}` });
    expect(JSON.stringify([outcome, said])).not.toMatch(new RegExp(`Ada|${token}|whsec_`));
  });

  it('whose connection is reset is retryable', async () => {
    answer = (response) => response.socket?.resetAndDestroy();
    await host.configure({ baseUrl });
    expect(await host.deliver(attempt, signal)).toMatchObject({ kind: 'retryable' });
  });

  it('that hangs ends with its signal', async () => {
    const asked = Promise.withResolvers<void>();
    answer = () => asked.resolve();
    await host.configure({ baseUrl });
    const abort = new AbortController();
    const outcome = host.deliver(attempt, abort.signal);
    await asked.promise;
    abort.abort();
    expect(await outcome).toMatchObject({ kind: 'retryable', code: 'ABORTED' });
  });

  it('of data that should be JSON and is not never leaves', async () => {
    await host.configure({ baseUrl });
    const broken = { ...attempt, event: { ...attempt.event, data: Buffer.from('Ada Byron') } };
    const outcome = await host.deliver(broken, signal);
    expect(outcome).toMatchObject({
      kind: 'permanent',
      code: 'INVALID_EVENT',
      message: expect.not.stringContaining('Ada'),
    });
    expect(calls).toEqual([]);
  });
});

describe('a configuration', () => {
  it.each([
    ['baseUrl', {}],
    ['baseUrl', { baseUrl: 'billing.example' }],
    ['baseUrl', { baseUrl: 'ftp://billing.example' }],
    ['baseUrl', { baseUrl: 'https://user:hunter2@billing.example' }],
    ['token', { baseUrl: 'https://billing.example', token: '' }],
    ['token', { baseUrl: 'https://billing.example', token: 'hunter2\n' }],
    ['signingSecret', { baseUrl: 'https://billing.example', signingSecret: 'hunter2' }],
    ['', { baseUrl: 'https://billing.example', tokn: 'hunter2' }],
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
    await host.configure({ baseUrl, token });
    expect((await host.check()).map(({ ok }) => ok)).toEqual(found);
    expect(calls).toMatchObject([{ method: 'HEAD', path: '/' }]);
  });
});

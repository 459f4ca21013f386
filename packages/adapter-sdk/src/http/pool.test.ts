import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { externalSystem } from '../../test/external-system.ts';
import { answering, contextOf, poolFor, postOutcome, signingSecret } from '../../test/pools.ts';
import { selfSigned } from '../../test/self-signed.ts';
import type { PoolOptions } from './pool.ts';

describe('what is sent', () => {
  it('is a post to the path below the base URL, with key, trace, token and content type', async () => {
    await using system = await answering(200);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const pool = poolFor(`${system.baseUrl}/tenant/7/`, { token: 't0ken', headers: { 'X-Tenant': '7' } });
    await pool.post('/sync?a=1', '{"é":1}', contextOf({ traceparent }));
    expect(system.calls).toEqual([
      expect.objectContaining({ method: 'POST', path: '/tenant/7/sync?a=1', body: '{"é":1}' }),
    ]);
    expect(system.calls[0]?.headers).toMatchObject({
      authorization: 'Bearer t0ken',
      'content-type': 'application/json',
      'content-length': '8',
      'idempotency-key': 'event-1/billing',
      traceparent,
      'user-agent': 'hms-sync test/1.0.0',
      'x-tenant': '7',
    });
  });

  it('has no trace, token or signature when there is none', async () => {
    await using system = await answering(200);
    await poolFor(system.baseUrl).post('/sync', '{}', contextOf());
    const names = Object.keys(system.calls[0]?.headers ?? {});
    expect(names).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(traceparent|authorization|webhook-.*)$/)]),
    );
  });

  it('has a signature that Standard Webhooks verifies', async () => {
    await using system = await answering(200);
    await poolFor(system.baseUrl, { signingSecret }).post('/sync', Buffer.from('{"a":"é"}'), contextOf());
    const [call] = system.calls;
    const headers = call?.headers as Record<string, string>;
    expect(headers['webhook-id']).toBe('event-1/billing');
    expect(new Webhook(signingSecret).verify(call?.body ?? '', headers)).toEqual({ a: 'é' });
    expect(() => new Webhook(signingSecret).verify('{"a":"e"}', headers)).toThrow('No matching signature');
  });

  it('rejects to sign bytes that are not text', async () => {
    const post = poolFor('http://127.0.0.1:1', { signingSecret }).post('/sync', Uint8Array.of(255), contextOf());
    await expect(post).rejects.toMatchObject({ code: 'INVALID_EVENT' });
  });

  it('lets one post replace a header of the pool, whatever its case', async () => {
    await using system = await answering(200);
    const pool = poolFor(system.baseUrl, { headers: { 'X-Tenant': '7' } });
    await pool.post('/sync', 'a,b', contextOf(), { contentType: 'text/csv', headers: { 'x-TENANT': '8' } });
    expect(system.calls[0]?.headers).toMatchObject({ 'content-type': 'text/csv', 'x-tenant': '8' });
  });

  it('is permanent when it is not valid HTTP', async () => {
    await using system = await answering(200);
    const outcome = await postOutcome(system.baseUrl, contextOf({ idempotencyKey: 'a\r\nx-forged: 1' }));
    expect(outcome).toMatchObject({ kind: 'permanent', code: 'INVALID_REQUEST' });
    expect(system.calls).toEqual([]);
  });
});

describe('without a complete response', () => {
  it('nothing listens: retryable, by the code of Node', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    server.close();
    await once(server, 'close');
    const port = typeof address === 'object' ? address?.port : undefined;
    expect(await postOutcome(`http://127.0.0.1:${port}`)).toMatchObject({ kind: 'retryable', code: 'ECONNREFUSED' });
  });

  it.each<[string, (response: ServerResponse) => unknown]>([
    ['a reset before the answer', (response) => response.socket?.resetAndDestroy()],
    ['a close before the answer', (response) => response.socket?.destroy()],
    [
      'a reset within the answer',
      (response) =>
        response.writeHead(200, { 'content-length': 9 }).write('Ada', () => response.socket?.resetAndDestroy()),
    ],
    [
      'a close within the answer',
      (response) => response.writeHead(200, { 'content-length': 9 }).write('Ada', () => response.socket?.destroy()),
    ],
    ['an answer that is not HTTP', (response) => response.socket?.end('Ada Byron\r\n\r\n')],
  ])('%s: retryable', async (_what, answer) => {
    await using system = await externalSystem(answer);
    const outcome = await postOutcome(system.baseUrl);
    expect(outcome).toMatchObject({
      kind: 'retryable',
      code: expect.stringMatching(/^(ECONNRESET|HPE_INVALID_CONSTANT)$/),
    });
    expect(JSON.stringify(outcome)).not.toContain('Ada');
  });

  it('a hang ends with the signal', async () => {
    await using system = await externalSystem(() => undefined);
    const abort = new AbortController();
    const outcome = postOutcome(system.baseUrl, contextOf({ signal: abort.signal }));
    await system.called(1);
    abort.abort(new Error('Ada Byron took too long'));
    expect(await outcome).toMatchObject({
      kind: 'retryable',
      code: 'ABORTED',
      message: expect.not.stringContaining('Ada'),
    });
  });

  it('a body that never ends, ends with the signal', async () => {
    const sent = Promise.withResolvers<void>();
    await using system = await externalSystem((response) => response.writeHead(200).write('{', () => sent.resolve()));
    const abort = new AbortController();
    const outcome = postOutcome(system.baseUrl, contextOf({ signal: abort.signal }));
    await sent.promise;
    abort.abort(new Error('Ada Byron took too long'));
    expect(await outcome).toMatchObject({
      kind: 'retryable',
      code: 'ABORTED',
      message: expect.not.stringContaining('Ada'),
    });
  });

  it('an untrusted certificate: retryable, and nothing is sent', async () => {
    let asked = false;
    const server = createTlsServer(selfSigned, (_request, response) => {
      asked = true;
      response.end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const outcome = await postOutcome(`https://127.0.0.1:${port}`);
    server.close();
    expect(outcome).toMatchObject({ kind: 'retryable', code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    expect(asked).toBe(false);
  });
});

describe('a body', () => {
  it('that arrives in pieces is complete', async () => {
    await using system = await externalSystem((response) => {
      response.writeHead(200).write('{"id":', () => setImmediate(() => response.end('7}')));
    });
    expect(await postOutcome(system.baseUrl)).toBe('{"id":7}');
  });

  it('of 10 MB is cut to 64 KiB, its connection is closed, and the pool still works', async () => {
    const sockets = new Set<unknown>();
    await using system = await externalSystem((response, { url }) => {
      sockets.add(response.socket);
      response.writeHead(200).end(url === '/large' ? Buffer.alloc(10_000_000, 'x') : 'ok');
    });
    const pool = poolFor(system.baseUrl, { connections: 1 });
    expect(await pool.post('/large', '{}', contextOf())).toBe('x'.repeat(65_536));
    expect(await pool.post('/small', '{}', contextOf())).toBe('ok');
    expect(sockets.size).toBe(2);
  });

  it('of a little over 64 KiB keeps its connection', async () => {
    const sockets = new Set<unknown>();
    await using system = await externalSystem((response) => {
      sockets.add(response.socket);
      response.writeHead(200).end(Buffer.alloc(100_000, 'x'));
    });
    const pool = poolFor(system.baseUrl, { connections: 1 });
    await pool.post('/', '{}', contextOf());
    expect(await pool.post('/', '{}', contextOf())).toHaveLength(65_536);
    expect(sockets.size).toBe(1);
  });
});

describe('options that are wrong', () => {
  it.each<[string, string, PoolOptions]>([
    ['baseUrl', 'billing.example', {}],
    ['baseUrl', 'ftp://billing.example', {}],
    ['baseUrl', 'https://user:hunter2@billing.example', {}],
    ['baseUrl', 'https://billing.example/?key=hunter2', {}],
    ['token', 'https://billing.example', { token: 'hunter2\n' }],
    ['token', 'https://billing.example', { token: '' }],
    ['signingSecret', 'https://billing.example', { signingSecret: 'hunter2' }],
    ['signingSecret', 'https://billing.example', { signingSecret: 'whsec_hunter2' }],
    ['signingSecret', 'https://billing.example', { signingSecret: 'whsec_' }],
    ['headers', 'https://billing.example', { headers: { 'x-key': 'hunter2\r\n' } }],
    ['headers', 'https://billing.example', { headers: { 'x key': 'hunter2' } }],
    ['connections', 'https://billing.example', { connections: 0 }],
  ])('%s of %s %j is misconfigured, and its value is not repeated', (path, baseUrl, options) => {
    const open = () => poolFor(baseUrl, options);
    expect(open).toThrow(
      expect.objectContaining({ kind: 'misconfigured', path, message: expect.stringContaining(path) }),
    );
    expect(open).not.toThrow(/hunter2/);
  });
});

describe('check', () => {
  const { signal } = new AbortController();

  it.each([
    [200, true, true],
    [404, true, true],
    [405, true, true],
    [401, true, false],
    [403, true, false],
    [503, false, true],
  ])('of a system that answers %i: reach %s, credentials %s', async (status, reach, credentials) => {
    await using system = await answering(status);
    expect(await poolFor(`${system.baseUrl}/api`, { token: 't' }).check({ signal })).toMatchObject([
      { name: 'reach', ok: reach },
      { name: 'credentials', ok: credentials },
    ]);
    expect(system.calls).toMatchObject([{ method: 'HEAD', path: '/api', headers: { authorization: 'Bearer t' } }]);
  });

  it('of a system that does not run: not reachable', async () => {
    const system = await answering(200);
    await system[Symbol.asyncDispose]();
    const results = await poolFor(system.baseUrl).check({ signal });
    expect(results).toMatchObject([{ name: 'reach', ok: false, message: expect.stringContaining('ECONNREFUSED') }]);
  });
});

it('close lets a running request end', async () => {
  const asked = Promise.withResolvers<ServerResponse>();
  await using system = await externalSystem((response) => asked.resolve(response));
  const pool = poolFor(system.baseUrl);
  const receipt = pool.post('/sync', '{}', contextOf());
  const response = await asked.promise;
  const closed = pool.close();
  response.end('done');
  expect(await receipt).toBe('done');
  await closed;
  await expect(pool.post('/sync', '{}', contextOf())).rejects.toMatchObject({
    kind: 'retryable',
    code: 'POOL_CLOSED',
  });
  await pool.close();
});

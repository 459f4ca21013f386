import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { type Answer, counting, gives, later, oauthPool } from '../../test/oauth-pool.ts';
import { contextOf } from '../../test/pools.ts';
import { outcomeOf } from '../outcome-of.ts';

describe('a token', () => {
  it('is requested once for all concurrent callers, and cached', async () => {
    const asked = Promise.withResolvers<ServerResponse>();
    const { pool, endpoint, system } = await oauthPool({ token: (response) => asked.resolve(response) });
    const posts = Array.from({ length: 20 }, () => pool.post('/sync', '{}', contextOf()));
    gives()(await asked.promise, {} as IncomingMessage);
    await Promise.all(posts);
    await pool.post('/sync', '{}', contextOf());
    expect([endpoint.calls.length, system.calls.length]).toEqual([1, 21]);
  });

  it.each([
    [300, 269_000, 271_000],
    [20, 9_000, 11_000],
  ])('that lives %i s is used for %i ms, and replaced at %i ms', async (life, usedMs, replacedMs) => {
    const token = counting((n) => gives(`token-${n}`, { expires_in: life }));
    const { pool, system } = await oauthPool({ token });
    for (const atMs of later(0, usedMs, replacedMs)) {
      atMs();
      await pool.post('/sync', '{}', contextOf());
    }
    expect(system.calls.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer token-1',
      'Bearer token-1',
      'Bearer token-2',
    ]);
  });

  it.each([0, -1, 0.001, 1e-300, '0', '-7', 'soon', null, {}])(
    'whose life is said to be %j is not asked for again with each event',
    async (life) => {
      const token = counting((n) => gives(`token-${n}`, { expires_in: life }));
      const { pool, endpoint } = await oauthPool({ token });
      for (const atMs of later(0, 300, 600, 900)) {
        atMs();
        await pool.post('/sync', '{}', contextOf());
      }
      expect(endpoint.calls).toHaveLength(1);
    },
  );

  it.each([1e300, '1e400', Number.MAX_SAFE_INTEGER])(
    'whose life is said to be %j is replaced after a day',
    async (life) => {
      const token = counting((n) => gives(`token-${n}`, { expires_in: life }));
      const { pool, endpoint } = await oauthPool({ token });
      for (const atMs of later(0, 86_300_000, 86_500_000)) {
        atMs();
        await pool.post('/sync', '{}', contextOf());
      }
      expect(endpoint.calls).toHaveLength(2);
    },
  );

  it('is used with unexpected fields in the response, and without a type', async () => {
    const fields = { expires_in: 300, token_type: undefined, scope: null, refresh_token: 7, id_token: 'x', error: 'y' };
    const { pool, system } = await oauthPool({ token: gives('token-1', fields) });
    await pool.post('/sync', '{}', contextOf());
    expect(system.calls).toMatchObject([{ headers: { authorization: 'Bearer token-1' } }]);
  });

  it('is asked for no more than once a second, though the system rejects each of them at first', async () => {
    const token = counting((n) => gives(`token-${n}`));
    const seen = new Set<string | undefined>();
    const system: Answer = (response, { headers: { authorization } }) => {
      response.writeHead(seen.has(authorization) ? 401 : 200).end();
      seen.add(authorization);
    };
    const { pool, endpoint } = await oauthPool({ token, system });
    for (const atMs of later(0, 100, 200, 300, 400)) {
      atMs();
      await pool.post('/sync', '{}', contextOf()).catch(() => undefined);
    }
    expect(endpoint.calls).toHaveLength(2);
  });

  it('that the system rejects is replaced once, and the request sent again', async () => {
    const { pool, endpoint, system } = await oauthPool({
      token: counting((n) => gives(`token-${n}`)),
      system: (response, { headers }) =>
        response.writeHead(headers.authorization === 'Bearer token-1' ? 401 : 200).end('taken'),
    });
    expect(await pool.post('/sync', '{"a":1}', contextOf())).toBe('taken');
    expect(system.calls.map(({ body }) => body)).toEqual(['{"a":1}', '{"a":1}']);
    expect(endpoint.calls).toHaveLength(2);
  });

  it('that the system rejects again is unauthorized', async () => {
    const { pool, endpoint, system } = await oauthPool({ system: (response) => response.writeHead(401).end() });
    await expect(pool.post('/sync', '{}', contextOf())).rejects.toMatchObject({ kind: 'unauthorized' });
    expect([endpoint.calls.length, system.calls.length]).toEqual([2, 2]);
  });
});

describe('a token endpoint', () => {
  it.each<[number, object | string, Record<string, string>, object]>([
    [400, { error: 'invalid_client' }, {}, { kind: 'unauthorized', code: 'OAUTH_INVALID_CLIENT' }],
    [401, { error: 'invalid_client' }, {}, { kind: 'unauthorized', code: 'OAUTH_INVALID_CLIENT' }],
    [401, 'no', {}, { kind: 'unauthorized', code: 'OAUTH_HTTP_401' }],
    [400, { error: 'invalid_scope' }, {}, { kind: 'misconfigured', code: 'OAUTH_INVALID_SCOPE' }],
    [400, 'no', {}, { kind: 'misconfigured', code: 'OAUTH_HTTP_400' }],
    [404, '<html>', {}, { kind: 'misconfigured', code: 'OAUTH_HTTP_404' }],
    [302, '', { location: 'https://evil.example' }, { kind: 'misconfigured', code: 'OAUTH_HTTP_302' }],
    [200, '<html>', {}, { kind: 'misconfigured', code: 'OAUTH_NO_TOKEN' }],
    [200, { access_token: 'a b' }, {}, { kind: 'misconfigured', code: 'OAUTH_NO_TOKEN' }],
    [200, { access_token: 'ab', token_type: 'mac' }, {}, { kind: 'misconfigured', code: 'OAUTH_NO_TOKEN' }],
    [429, '', { 'retry-after': '3' }, { kind: 'throttled', code: 'OAUTH_HTTP_429', retryAfterMs: 3000 }],
    [503, '', { 'retry-after': '3' }, { kind: 'throttled', code: 'OAUTH_HTTP_503' }],
    [503, '', { 'retry-after': '0' }, { kind: 'retryable', code: 'OAUTH_HTTP_503' }],
    [407, '', {}, { kind: 'retryable', code: 'OAUTH_HTTP_407' }],
    [421, '', {}, { kind: 'retryable', code: 'OAUTH_HTTP_421' }],
    [425, '', {}, { kind: 'retryable', code: 'OAUTH_HTTP_425' }],
    [503, '', {}, { kind: 'retryable', code: 'OAUTH_HTTP_503' }],
    [500, '', {}, { kind: 'retryable', code: 'OAUTH_HTTP_500' }],
  ])('that answers %i %j %j makes the outcome %j, and shows no secret', async (status, body, headers, expected) => {
    const said = typeof body === 'string' ? body : JSON.stringify({ ...body, error_description: 'hunter2' });
    const { pool, system } = await oauthPool({ token: (response) => response.writeHead(status, headers).end(said) });
    const error: unknown = await pool.post('/sync', '{}', contextOf()).catch((thrown: unknown) => thrown);
    expect(outcomeOf(error)).toMatchObject(expected);
    expect(JSON.stringify(outcomeOf(error))).not.toMatch(/hunter2|evil\.example\//);
    expect(system.calls).toEqual([]);
  });

  it('that resets is retryable, and is asked again after a pause that grows', async () => {
    const { pool, endpoint } = await oauthPool({
      token: counting((n) => (n <= 3 ? (response) => response.socket?.resetAndDestroy() : gives())),
    });
    const asked: number[] = [];
    for (const atMs of later(0, 500, 999, 1_001, 2_900, 3_002, 6_900)) {
      atMs();
      await expect(pool.post('/sync', '{}', contextOf())).rejects.toMatchObject({ kind: 'retryable' });
      asked.push(endpoint.calls.length);
    }
    expect(asked).toEqual([1, 1, 1, 2, 2, 3, 3]);
  });

  it.each([
    [{}, 1_000],
    [{ 'retry-after': '0' }, 1_000],
    [{ 'retry-after': '-1' }, 1_000],
    [{ 'retry-after': 'Mon, 23 Nov 2009 10:00:00' }, 1_000],
    [{ 'retry-after': '20' }, 20_000],
  ])('that fails with %j is not asked by the events that follow, and they say when it is', async (headers, waitMs) => {
    for (const status of [429, 503]) {
      const { pool, endpoint } = await oauthPool({ token: (response) => response.writeHead(status, headers).end() });
      for (const atMs of later(0, 0.25 * waitMs, 0.75 * waitMs)) {
        atMs();
        await expect(pool.post('/sync', '{}', contextOf())).rejects.toMatchObject({
          code: `OAUTH_HTTP_${status}`,
          retryAfterMs: expect.toSatisfy((ms: number) => ms >= 0.24 * waitMs && ms <= waitMs + 1),
        });
      }
      expect(endpoint.calls).toHaveLength(1);
    }
  });

  it('that asks for a long wait is asked again when an operator ends it', async () => {
    const { pool, endpoint } = await oauthPool({
      token: (response) => response.writeHead(503, { 'retry-after': '999999999' }).end(),
    });
    for (const atMs of later(0, 29_000, 31_000)) {
      atMs();
      const error: unknown = await pool.post('/sync', '{}', contextOf()).catch((thrown: unknown) => thrown);
      expect(outcomeOf(error)).toMatchObject({ kind: 'throttled', retryAfterMs: 3_600_000 });
    }
    expect(endpoint.calls).toHaveLength(2);
  });

  it('that rejects the client is asked again after a second', async () => {
    const { pool } = await oauthPool({
      token: counting((n) => (n === 1 ? (response) => response.writeHead(401).end() : gives())),
    });
    const [first, second] = later(0, 1_001);
    first?.();
    await expect(pool.post('/sync', '{}', contextOf())).rejects.toMatchObject({ kind: 'unauthorized' });
    second?.();
    expect(await pool.post('/sync', '{}', contextOf())).toBe('taken');
  });

  it('that hangs holds an attempt no longer than its signal', async () => {
    const { pool, endpoint } = await oauthPool({ token: () => undefined });
    const abort = new AbortController();
    const post = pool.post('/sync', '{}', contextOf({ signal: abort.signal }));
    await endpoint.called(1);
    abort.abort();
    await expect(post).rejects.toMatchObject({ kind: 'retryable', code: 'ABORTED' });
  });

  it('that rejects the client fails the check credentials, not reach', async () => {
    const { pool } = await oauthPool({ token: (response) => response.writeHead(401).end() });
    expect(await pool.check({ signal: new AbortController().signal })).toMatchObject([
      { name: 'credentials', ok: false },
    ]);
  });
});

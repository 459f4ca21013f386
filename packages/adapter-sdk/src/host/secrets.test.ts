import type { StandardSchemaV1 } from '@standard-schema/spec';
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import * as zm from 'zod/mini';
import { attemptOf, eventFields } from '../../test/delivery.ts';
import { externalSystem } from '../../test/external-system.ts';
import { hostOf, readyHost, signal } from '../../test/hosts.ts';
import { defineAdapter, Retryable, secret, Unauthorized } from '../index.ts';

describe('secrets', () => {
  const token = 'hunter2"&token';

  /** A schema that quotes what it refuses, by no library. */
  const handMade = (accepts: (value: unknown) => boolean): StandardSchemaV1<unknown, string> =>
    Object.freeze({
      '~standard': Object.freeze({
        version: 1,
        vendor: 'hand-made',
        validate: async (value: unknown) =>
          accepts(value) ? { value: String(value) } : { issues: [{ message: `no good: ${value}` }] },
      }),
    });

  it.each<[string, StandardSchemaV1<unknown, unknown>, unknown]>([
    ['a zod field', z.object({ token: secret(z.string()) }), { token }],
    ['a zod field that is refined further', z.object({ token: secret(z.string()).min(3) }), { token }],
    ['an optional zod field', z.object({ token: secret(z.string()).optional() }), { token }],
    ['a field that zod trims', z.object({ token: secret(z.string().trim()) }), { token: ` ${token} ` }],
    [
      'a nested list in zod',
      z.object({ tokens: z.array(z.object({ token: secret(z.string()) })) }),
      { tokens: [{ token }] },
    ],
    ['a zod object of secrets', secret(z.object({ a: z.object({ token: z.string() }) })), { a: { token } }],
    ['a field of zod/mini', zm.object({ token: secret(zm.string()) }), { token }],
    ['a valibot field', v.strictObject({ token: secret(v.string()) }), { token }],
    [
      'a valibot field that is refined further',
      v.object({ token: v.pipe(secret(v.string()), v.minLength(3)) }),
      { token },
    ],
    [
      'an optional valibot field',
      v.object({ token: v.optional(secret(v.pipe(v.string(), v.trim()))) }),
      { token: ` ${token} ` },
    ],
    [
      'a valibot field that is transformed',
      v.object({
        token: secret(
          v.pipe(
            v.string(),
            v.transform((text) => text.length),
          ),
        ),
      }),
      { token },
    ],
    [
      'a zod field that is transformed',
      z.object({ token: secret(z.string().transform((text) => text.length)) }),
      { token },
    ],
    [
      'a nested list in valibot',
      v.object({ all: v.array(v.object({ token: secret(v.string()) })) }),
      { all: [{ token }] },
    ],
    ['a valibot object of secrets', secret(v.object({ a: v.object({ token: v.string() }) })), { a: { token } }],
    [
      'a valibot field that is looked up',
      v.objectAsync({
        token: secret(
          v.pipeAsync(
            v.string(),
            v.checkAsync(async () => true),
          ),
        ),
      }),
      { token },
    ],
    ['an arktype field', type({ '+': 'reject', token: secret(type('string')) }), { token }],
    ['an arktype field that is refined further', type({ token: secret(type('string')).atLeastLength(3) }), { token }],
    ['an optional arktype field', type({ 'token?': secret(type('string | null')) }), { token }],
    [
      'an arktype field that is narrowed and trimmed',
      type({ token: secret(type('string.trim').narrow(() => true)) }),
      { token: ` ${token} ` },
    ],
    ['a nested list in arktype', type({ all: type({ token: secret(type('string')) }).array() }), { all: [{ token }] }],
    ['an arktype record', type({ all: type({ '[string]': secret(type('string')) }) }), { all: { x: token } }],
    ['an arktype object of secrets', secret(type({ a: { token: 'string' } })), { a: { token } }],
    ['a hand-made schema', secret(handMade(() => true)), token],
  ])('of %s are nowhere in outcomes, receipts, checks and logs', async (_what, config, value) => {
    const forms = [token, JSON.stringify({ token }), encodeURIComponent(token), btoa(token)];
    const said = forms.join(' and ');
    const throwing = [new Retryable(said), new Error(said), Object.assign(new Error(said), { code: 'ECONNRESET' })];
    const { host, records } = await readyHost(
      defineAdapter({
        config,
        push: (event, { log }) => {
          log.error(said, { said, nested: [{ [token]: said }], error: new Retryable(said) });
          if (event.id !== 'ok') throw throwing.shift();
          return said;
        },
        check: () => [{ name: 'said', ok: true, message: said }],
      }),
      value,
    );
    const left = [
      ...(await Promise.all([1, 2, 3].map(() => host.deliver(attemptOf(), signal)))),
      await host.deliver(attemptOf({ event: eventFields({ id: 'ok' }) }), signal),
      await host.check(),
      ...records,
    ];
    const text = JSON.stringify(left);
    expect(text).toContain('[redacted]');
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain(btoa(token));
  });

  it('are not in the diagnostics of open', async () => {
    const { host } = hostOf(
      defineAdapter({
        config: z.object({ token: secret(z.string()) }),
        open: ({ config }) => {
          throw new Unauthorized(`refused: ${config.token}`);
        },
        push: () => {},
      }),
    );
    expect(await host.configure({ token })).toEqual([{ path: '', message: 'UNAUTHORIZED: refused: [redacted]' }]);
  });

  it('are not in the diagnostics of a schema that quotes what it refuses', async () => {
    for (const schema of [handMade(() => false), secret(handMade(() => false))]) {
      const { host } = hostOf(defineAdapter({ config: schema, push: () => {} }));
      expect(await host.configure(token)).toEqual([{ path: '', message: 'no good: [redacted]' }]);
    }
    const zod = z.object({ token: z.string().refine(() => false, { error: ({ input }) => `no good: ${input}` }) });
    const { host } = hostOf(defineAdapter({ config: zod, push: () => {} }));
    expect(await host.configure({ token })).toEqual([{ path: 'token', message: 'no good: [redacted]' }]);
  });

  it.each<[string, StandardSchemaV1<unknown, unknown>]>([
    [
      'zod',
      z.object({
        token: secret(z.string().refine((text) => text.length > 99)),
        other: z.string({ error: () => `unlike ${token}` }),
      }),
    ],
    ['valibot', v.object({ token: secret(v.pipe(v.string(), v.minLength(99))), other: v.string(`unlike ${token}`) })],
    [
      'arktype',
      type({
        token: secret(type('string >= 99')),
        other: type('number').narrow((_value, context) => context.mustBe(`unlike ${token}`)),
      }),
    ],
  ])('that %s refuses are not repeated, even where another field says them', async (_library, config) => {
    const { host } = hostOf(defineAdapter({ config, push: () => {} }));
    const diagnostics = await host.configure({ token, other: 7 });
    expect(diagnostics.map(({ path }) => path).sort()).toEqual(['other', 'token']);
    expect(JSON.stringify(diagnostics)).not.toContain('hunter2');
  });

  it('of arktype are refused as a whole when they cannot be found', async () => {
    const config = type({ token: 'string' });
    const without = { ...config['~standard'], jsonSchema: undefined };
    Object.defineProperty(config, '~standard', { value: without });
    const { host } = hostOf(defineAdapter({ config, push: () => {} }));
    expect(await host.configure({ token })).toEqual([
      { path: '', message: expect.stringMatching(/^its secret fields cannot be found: .*use arktype 2/) },
    ]);
  });

  it('that an adapter was given on its way, such as access tokens, are taken out too', async () => {
    await using endpoint = await externalSystem((response) => response.end('{"access_token":"passing-hunter2"}'));
    await using system = await externalSystem((response, { headers }) => response.end(headers.authorization));
    const { host } = await readyHost(
      defineAdapter({
        open: ({ http }) => {
          const oauth = { tokenUrl: endpoint.baseUrl, clientId: 'c', clientSecret: 's' };
          return http.pool(system.baseUrl, { oauth });
        },
        push: (_event, context) => context.resource.post('/', '{}', context),
      }),
    );
    expect(await host.deliver(attemptOf(), signal)).toEqual({ kind: 'delivered', receipt: 'Bearer [redacted]' });
    await host.close();
  });

  it('stay secret after they were replaced', async () => {
    const { host } = await readyHost(
      defineAdapter({ config: z.object({ token: secret(z.string()) }), push: () => 'old hunter2, new hunter3' }),
      { token: 'hunter2' },
    );
    await host.configure({ token: 'hunter3' });
    expect(await host.deliver(attemptOf(), signal)).toMatchObject({ receipt: 'old [redacted], new [redacted]' });
  });
});

import { toStandardJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { attemptOf, eventFields } from '../../test/delivery.ts';
import { externalSystem } from '../../test/external-system.ts';
import { hostOf, readyHost, signal } from '../../test/hosts.ts';
import { type ConfigSchema, defineAdapter, Retryable, secret, Unauthorized } from '../index.ts';

describe('secrets', () => {
  const token = 'hunter2"&token';

  const mark = { 'x-secret': true };
  /** In valibot. */
  const marked = v.pipe(v.string(), v.metadata(mark));

  /** A schema that quotes what it rejects, by no library. */
  const handMade = (accepts: (value: unknown) => boolean, jsonSchema: object): ConfigSchema => ({
    '~standard': {
      version: 1,
      vendor: 'hand-made',
      validate: async (value: unknown) =>
        accepts(value) ? { value: String(value) } : { issues: [{ message: `no good: ${value}` }] },
      jsonSchema: { input: () => ({ ...jsonSchema }), output: () => ({ ...jsonSchema }) },
    },
  });

  it.each<[string, ConfigSchema, unknown]>([
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
    [
      'a zod field that is transformed',
      z.object({ token: secret(z.string().transform((text) => text.length)) }),
      { token },
    ],
    ['a zod record', z.object({ all: z.record(z.string(), secret(z.string())) }), { all: { x: token } }],
    ['a zod pair', z.tuple([z.string(), secret(z.string())]), ['x', token]],
    ['a zod union', z.union([z.literal(7), z.object({ token: secret(z.string()) })]), { token }],
    ['a valibot field', toStandardJsonSchema(v.strictObject({ token: marked })), { token }],
    [
      'an optional valibot field',
      toStandardJsonSchema(v.object({ token: v.optional(v.pipe(v.string(), v.trim(), v.metadata(mark))) })),
      { token: ` ${token} ` },
    ],
    [
      'a nested list in valibot',
      toStandardJsonSchema(v.object({ all: v.array(v.object({ token: marked })) })),
      { all: [{ token }] },
    ],
    ['a hand-made schema', handMade(() => true, mark), token],
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

  it('are not in the diagnostics of a schema that quotes what it rejects', async () => {
    for (const jsonSchema of [{}, mark]) {
      const config = handMade(() => false, jsonSchema);
      const { host } = hostOf(defineAdapter({ config, push: () => {} }));
      expect(await host.configure(token)).toEqual([{ path: '', message: 'no good: [redacted]' }]);
    }
    const zod = z.object({ token: z.string().refine(() => false, { error: ({ input }) => `no good: ${input}` }) });
    const { host } = hostOf(defineAdapter({ config: zod, push: () => {} }));
    expect(await host.configure({ token })).toEqual([{ path: 'token', message: 'no good: [redacted]' }]);
  });

  it.each<[string, ConfigSchema]>([
    [
      'zod',
      z.object({
        token: secret(z.string().refine((text) => text.length > 99)),
        other: z.string({ error: () => `unlike ${token}` }),
      }),
    ],
    [
      'valibot',
      toStandardJsonSchema(
        v.object({
          token: v.pipe(v.string(), v.minLength(99), v.metadata(mark)),
          other: v.string(`unlike ${token}`),
        }),
      ),
    ],
  ])('that %s rejects are not repeated, even where another field says them', async (_library, config) => {
    const { host } = hostOf(defineAdapter({ config, push: () => {} }));
    const diagnostics = await host.configure({ token, other: 7 });
    expect(diagnostics.map(({ path }) => path).sort()).toEqual(['other', 'token']);
    expect(JSON.stringify(diagnostics)).not.toContain('hunter2');
  });

  it('that an adapter received later, such as access tokens, are redacted too', async () => {
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

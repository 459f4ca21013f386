import type { StandardSchemaV1 } from '@standard-schema/spec';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { attemptOf, eventFields } from '../../test/delivery.ts';
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

  it('stay secret after they were replaced', async () => {
    const { host } = await readyHost(
      defineAdapter({ config: z.object({ token: secret(z.string()) }), push: () => 'old hunter2, new hunter3' }),
      { token: 'hunter2' },
    );
    await host.configure({ token: 'hunter3' });
    expect(await host.deliver(attemptOf(), signal)).toMatchObject({ receipt: 'old [redacted], new [redacted]' });
  });

  it('are refused for a library whose schemas cannot be watched', () => {
    const valibot = { '~standard': { version: 1, vendor: 'valibot', validate: () => ({ value: '' }) } } as const;
    expect(() => secret(valibot)).toThrow('valibot cannot be watched');
  });
});

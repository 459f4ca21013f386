import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { attemptOf } from '../../test/delivery.ts';
import { hostOf, readyHost, signal } from '../../test/hosts.ts';
import { type ConfigSchema, defineAdapter, Misconfigured, Unauthorized } from '../index.ts';

afterEach(() => {
  vi.useRealTimers();
});

describe('configure', () => {
  const definition = defineAdapter({
    config: z.strictObject({ baseUrl: z.url(), retries: z.array(z.object({ delay: z.number() })).default([]) }),
    open: ({ config }) => config.baseUrl,
    push: (_event, { resource }) => resource,
  });

  it('names the path of each wrong field, and does not repeat values', async () => {
    const diagnostics = await hostOf(definition).host.configure({
      baseUrl: 7,
      retries: [{ delay: 'hunter2' }],
      bseUrl: 'x',
    });
    expect(diagnostics).toEqual([
      { path: 'baseUrl', message: expect.any(String) },
      { path: 'retries.0.delay', message: expect.stringContaining('number') },
      { path: '', message: expect.stringContaining('bseUrl') },
    ]);
    expect(JSON.stringify(diagnostics)).not.toContain('hunter2');
  });

  it('keeps the earlier configuration in service when the new one is wrong', async () => {
    const { host } = await readyHost(definition, { baseUrl: 'http://a.example' });
    expect(await host.configure({})).toHaveLength(1);
    expect(await host.deliver(attemptOf(), signal)).toMatchObject({ receipt: 'http://a.example' });
  });

  it('closes the earlier resource once its attempts settled, and no sooner', async () => {
    const answers: PromiseWithResolvers<string>[] = [];
    const closed = Promise.withResolvers<number>();
    let opened = 0;
    const { host } = await readyHost(
      defineAdapter({
        open: () => ++opened,
        push: () => {
          const answer = Promise.withResolvers<string>();
          answers.push(answer);
          return answer.promise;
        },
        close: (resource) => closed.resolve(resource),
      }),
    );
    const outcome = host.deliver(attemptOf(), signal);
    const whoIsFirst = Promise.race([closed.promise, outcome.then(() => 'outcome')]);
    expect(await host.configure({})).toEqual([]);
    await nextTurn();
    answers[0]?.resolve('done');
    expect(await whoIsFirst).toBe('outcome');
    expect(await closed.promise).toBe(1);
  });

  it('rejects a configuration for an adapter that takes none', async () => {
    const { host } = hostOf(defineAdapter({ push: () => {} }));
    expect(await host.configure({ baseUrl: 'x' })).toEqual([
      { path: 'baseUrl', message: expect.stringContaining('has no configuration') },
    ]);
    expect(await host.configure({})).toEqual([]);
  });

  it.each([
    [
      new Misconfigured('no such tenant', { path: 'tenant' }),
      { path: 'tenant', message: 'MISCONFIGURED: no such tenant' },
    ],
    [new Unauthorized('the token is refused'), { path: '', message: 'UNAUTHORIZED: the token is refused' }],
    [
      new TypeError('Ada Byron'),
      { path: '', message: expect.stringMatching(/^UNKNOWN_ERROR: the adapter threw TypeError(?!.*Ada)/) },
    ],
  ])('makes a diagnostic of what open throws: %s', async (thrown, diagnostic) => {
    const { host } = hostOf(
      defineAdapter({
        open: () => {
          throw thrown;
        },
        push: () => {},
      }),
    );
    expect(await host.configure(undefined)).toEqual([diagnostic]);
  });

  it('does not quote a name that may be a misplaced value', async () => {
    const config = z.strictObject({ known: z.record(z.string(), z.number()).optional() });
    const { host } = hostOf(defineAdapter({ config, push: () => {} }));
    const name = 'token: hunter2';
    const [unknown] = await host.configure({ [name]: 'x' });
    expect(JSON.stringify(unknown)).not.toContain('hunter2');
    const [inRecord] = await host.configure({ known: { [name]: 'x' } });
    expect(inRecord).toMatchObject({ path: 'known.<14 characters>' });
    const [unwanted] = await hostOf(defineAdapter({ push: () => {} })).host.configure({ [name]: 'x' });
    expect(unwanted).toMatchObject({ path: '<14 characters>' });
  });

  it('bounds an open that hangs, and closes what it opens later', async () => {
    vi.useFakeTimers();
    const opening = Promise.withResolvers<string>();
    const closed = Promise.withResolvers<string>();
    let aborted: AbortSignal | undefined;
    const { host } = hostOf(
      defineAdapter({
        open: ({ signal }) => {
          aborted = signal;
          return opening.promise;
        },
        push: () => {},
        close: (resource) => closed.resolve(resource),
      }),
    );
    const diagnostics = host.configure(undefined);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await diagnostics).toEqual([{ path: '', message: 'open() did not finish within 10000 ms' }]);
    expect(aborted?.aborted).toBe(true);
    opening.resolve('late');
    expect(await closed.promise).toBe('late');
  });

  it('reports a schema that throws', async () => {
    const throwing: ConfigSchema = {
      '~standard': {
        version: 1,
        vendor: 'hand-made',
        validate: () => {
          throw new Error('hunter2');
        },
        jsonSchema: { input: () => ({}), output: () => ({}) },
      },
    };
    const { host } = hostOf(defineAdapter({ config: throwing, push: () => {} }));
    expect(await host.configure('hunter2')).toEqual([
      { path: '', message: 'the schema of the configuration threw Error' },
    ]);
  });
});

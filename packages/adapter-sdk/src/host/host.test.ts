import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { attemptOf, eventFields } from '../../test/delivery.ts';
import { externalSystem } from '../../test/external-system.ts';
import { hostOf, readyHost, signal } from '../../test/hosts.ts';
import { type AdapterEvent, defineAdapter, Permanent, type PushContext, Throttled } from '../index.ts';
import { isAdapterDefinition } from './host.ts';

afterEach(() => {
  vi.useRealTimers();
});

describe('description', () => {
  it('fills the defaults in', () => {
    expect(hostOf(defineAdapter({ push: () => {} })).host.description).toEqual({
      accepts: undefined,
      delivery: { concurrency: 8, timeoutMs: 10_000 },
    });
  });

  it('describes itself as in its definition', () => {
    const definition = defineAdapter({ accepts: ['PolicyUpdated'], delivery: { timeoutMs: 5 }, push: () => {} });
    expect(hostOf(definition).host.description).toEqual({
      accepts: ['PolicyUpdated'],
      delivery: { concurrency: 8, timeoutMs: 5 },
    });
  });
});

describe('deliver', () => {
  it('hands the event and its context to push, and returns the receipt', async () => {
    let seen: { event: AdapterEvent; context: PushContext<{ opened: true }> } | undefined;
    const { host } = await readyHost(
      defineAdapter({
        open: () => ({ opened: true }) as const,
        push: async (event, context) => {
          seen = { event, context };
          return 'invoice 7';
        },
      }),
    );
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const event = eventFields({ attributes: { traceparent } });
    const attempt = attemptOf({ event, attempt: 3, redelivered: true, timeoutMs: 5000 });
    expect(await host.deliver(attempt, signal)).toEqual({ kind: 'delivered', receipt: 'invoice 7' });
    expect({ ...seen?.event }).toEqual(event);
    expect(seen?.event.json()).toMatchObject({ processId: 'process-7' });
    expect(seen?.context).toMatchObject({
      resource: { opened: true },
      idempotencyKey: 'event-1/billing',
      attempt: 3,
      redelivered: true,
      traceparent,
      signal,
      adapter: { id: 'billing', version: '1.2.3' },
    });
    expect(seen?.context.remainingMs()).toBeGreaterThan(0);
    expect(seen?.context.remainingMs()).toBeLessThanOrEqual(5000);
  });

  it.each(['nonsense', '00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', ''])(
    'does not hand on a malformed traceparent: %j',
    async (traceparent) => {
      const push = vi.fn();
      const { host } = await readyHost(defineAdapter({ push }));
      await host.deliver(attemptOf({ event: eventFields({ attributes: { traceparent } }) }), signal);
      expect(push.mock.calls[0]?.[1]).toMatchObject({ traceparent: undefined });
    },
  );

  it('treats a push that returns nothing as success without a receipt', async () => {
    const { host } = await readyHost(defineAdapter({ push: async () => {} }));
    expect(await host.deliver(attemptOf(), signal)).toEqual({ kind: 'delivered', receipt: '' });
  });

  it.each<[unknown, string]>([
    [new Response('Ada Byron', { status: 500 }), 'a Response'],
    [new Permanent('Ada Byron'), 'Permanent'],
    [new TypeError('Ada Byron'), 'TypeError'],
    [false, 'a boolean'],
    [true, 'a boolean'],
    [7, 'a number'],
    [null, 'null'],
    [{ kind: 'delivered', receipt: 'Ada Byron' }, 'an object'],
    [(function* () {})(), 'a Generator'],
    [(async function* () {})(), 'an AsyncGenerator'],
    [['Ada Byron'], 'an Array'],
    [new Uint8Array(3), 'a Uint8Array'],
    [new Map(), 'a Map'],
    [Symbol('Ada Byron'), 'a symbol'],
    [() => 'Ada Byron', 'a function'],
    [Object.create(null), 'an object'],
    [{ [Symbol.toStringTag]: 'Ada Byron, born 1815' }, 'an object'],
  ])('calls it a breach of the contract when push returns %o, and names its type alone', async (returned, type) => {
    for (const push of [() => returned, async () => returned]) {
      const { host } = await readyHost(defineAdapter({ push: push as () => undefined }));
      expect(await host.deliver(attemptOf(), signal)).toEqual({
        kind: 'retryable',
        code: 'CONTRACT_VIOLATION',
        message: `push returned ${type}; return a string or nothing once the event is delivered, and throw otherwise`,
      });
    }
  });

  it('handles rejected promises in a list that push returns', async () => {
    const push = () => [Promise.reject(new Error('Ada Byron'))] as unknown as undefined;
    const { host } = await readyHost(defineAdapter({ push }));
    expect(await host.deliver(attemptOf(), signal)).toMatchObject({ code: 'CONTRACT_VIOLATION' });
  });

  it('keeps 1 KiB of a receipt, whole characters only', async () => {
    const { host } = await readyHost(defineAdapter({ push: () => `x${'é'.repeat(5_000_000)}` }));
    expect(await host.deliver(attemptOf(), signal)).toEqual({ kind: 'delivered', receipt: `x${'é'.repeat(511)}` });
  });

  it.each([
    [new Throttled('slower', { retryAfterMs: 5 }), { kind: 'throttled', retryAfterMs: 5 }],
    [new Permanent('never', { code: 'GONE' }), { kind: 'permanent', code: 'GONE' }],
    [null, { kind: 'retryable', code: 'UNKNOWN_ERROR' }],
  ])('makes an outcome of a thrown %s, at once or later', async (thrown, outcome) => {
    const throwing = () => {
      throw thrown;
    };
    for (const push of [throwing, async () => throwing()]) {
      const { host } = await readyHost(defineAdapter({ push }));
      expect(await host.deliver(attemptOf(), signal)).toMatchObject(outcome);
    }
  });

  it('shows the author where a foreign error came from, without its message', async () => {
    const { host, records } = await readyHost(
      defineAdapter({
        push: function pushThatFails() {
          throw new TypeError('Ada Byron\n    at nowhere:1:1');
        },
      }),
    );
    await host.deliver(attemptOf(), signal);
    expect(records).toMatchObject([
      {
        level: 'warn',
        fields: {
          code: 'UNKNOWN_ERROR',
          at: expect.arrayContaining([expect.stringMatching(/pushThatFails/)]),
        },
      },
    ]);
    expect(JSON.stringify(records)).not.toMatch(/Ada|nowhere/);
  });

  it('settles when push settles, not when the signal is aborted', async () => {
    const answer = Promise.withResolvers<string>();
    const { host } = await readyHost(defineAdapter({ push: () => answer.promise }));
    const abort = new AbortController();
    const settled = vi.fn();
    const outcome = host.deliver(attemptOf(), abort.signal);
    outcome.then(settled);
    abort.abort();
    await nextTurn();
    expect(settled).not.toHaveBeenCalled();
    answer.resolve('late');
    expect(await outcome).toEqual({ kind: 'delivered', receipt: 'late' });
  });

  it('runs no adapter code for an attempt that was aborted before it began', async () => {
    const push = vi.fn();
    const { host } = await readyHost(defineAdapter({ push }));
    expect(await host.deliver(attemptOf(), AbortSignal.abort())).toMatchObject({ kind: 'retryable', code: 'ABORTED' });
    expect(push).not.toHaveBeenCalled();
  });

  it('is retryable before there is a configuration and after close', async () => {
    const { host } = hostOf(defineAdapter({ push: () => {} }));
    expect(await host.deliver(attemptOf(), signal)).toMatchObject({ kind: 'retryable', code: 'ADAPTER_NOT_READY' });
    await host.configure(undefined);
    await host.close();
    expect(await host.deliver(attemptOf(), signal)).toMatchObject({ kind: 'retryable', code: 'ADAPTER_CLOSED' });
  });
});

it('runs an adapter that has its own copy of the SDK: definition, errors and secrets are known', async () => {
  vi.resetModules();
  const copy = await import('../index.ts');
  expect(copy.Permanent).not.toBe(Permanent);
  const definition: unknown = copy.defineAdapter({
    config: z.object({ token: copy.secret(z.string()) }),
    open: ({ config }) => config.token,
    push: (_event, { resource }) => {
      throw new copy.Permanent(`refused: ${resource}`, { code: 'GONE' });
    },
  });
  if (!isAdapterDefinition(definition)) throw new Error('the copy made no definition');
  const { host } = await readyHost(definition, { token: 'hunter2' });
  expect(await host.deliver(attemptOf(), signal)).toEqual({
    kind: 'permanent',
    code: 'GONE',
    message: 'refused: [redacted]',
  });
});

describe('check', () => {
  it('is empty for an adapter without one', async () => {
    const { host } = await readyHost(defineAdapter({ push: () => {} }));
    expect(await host.check()).toEqual([]);
  });

  it('reports when there is no configuration yet', async () => {
    expect(await hostOf(defineAdapter({ push: () => {} })).host.check()).toMatchObject([
      { name: 'configuration', ok: false },
    ]);
  });

  it.each([
    ['throws', () => Promise.reject(new Error('Ada Byron'))],
    ['returns no list', () => 'fine' as unknown as []],
    ['returns nothing', () => undefined as unknown as []],
    ['returns an answer', async () => new Response() as unknown as []],
  ])('that %s is a result that is not ok', async (_what, check) => {
    const { host } = await readyHost(defineAdapter({ check, push: () => {} }));
    const results = await host.check();
    expect(results).toMatchObject([{ name: 'check', ok: false }]);
    expect(JSON.stringify(results)).not.toContain('Ada');
  });

  it('that hangs is bounded', async () => {
    vi.useFakeTimers();
    const { host } = await readyHost(defineAdapter({ check: () => new Promise<[]>(() => {}), push: () => {} }));
    const results = host.check();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await results).toMatchObject([{ name: 'check', ok: false, message: 'check took longer than 10000 ms' }]);
  });
});

describe('close', () => {
  it('closes the resource once, after its attempts settled', async () => {
    const answer = Promise.withResolvers<string>();
    const close = vi.fn();
    const { host } = await readyHost(defineAdapter({ open: () => 'resource', push: () => answer.promise, close }));
    const outcome = host.deliver(attemptOf(), signal);
    const closings = [host.close(), host.close()];
    await nextTurn();
    expect(close).not.toHaveBeenCalled();
    answer.resolve('done');
    expect(await outcome).toMatchObject({ receipt: 'done' });
    await Promise.all(closings);
    await host.close();
    expect(close.mock.calls).toEqual([['resource']]);
  });

  it('does not wait forever for an attempt or a close that hangs', async () => {
    vi.useFakeTimers();
    const forever = new Promise<never>(() => {});
    const { host } = await readyHost(defineAdapter({ push: () => forever, close: () => forever }));
    host.deliver(attemptOf(), signal);
    const closed = host.close();
    await vi.advanceTimersByTimeAsync(20_000);
    await closed;
  });

  it('does not reject when the adapter does', async () => {
    const { host, records } = await readyHost(
      defineAdapter({ push: () => {}, close: () => Promise.reject(new Error('Ada')) }),
    );
    await host.close();
    expect(records).toMatchObject([{ level: 'warn', message: expect.stringContaining('close failed') }]);
  });

  it('destroys the pools that the adapter did not close', async () => {
    const asked = Promise.withResolvers<void>();
    await using system = await externalSystem((response) => {
      response.socket?.on('close', () => asked.resolve());
      response.end('ok');
    });
    const { host } = await readyHost(
      defineAdapter({
        open: ({ http }) => http.pool(system.baseUrl),
        push: (_event, context) => context.resource.post('/', '{}', context),
      }),
    );
    expect(await host.deliver(attemptOf(), signal)).toMatchObject({ receipt: 'ok' });
    await host.close();
    await asked.promise;
  });

  it('closes the resource of a configure that was still running', async () => {
    const opening = Promise.withResolvers<string>();
    const close = vi.fn();
    const { host } = hostOf(defineAdapter({ open: () => opening.promise, push: () => {}, close }));
    const diagnostics = host.configure(undefined);
    await host.close();
    opening.resolve('late');
    expect(await diagnostics).toMatchObject([{ message: expect.stringContaining('closed') }]);
    expect(close.mock.calls).toEqual([['late']]);
  });
});

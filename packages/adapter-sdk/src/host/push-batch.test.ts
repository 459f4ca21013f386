import { describe, expect, it } from 'vitest';
import { attemptOf, eventFields } from '../../test/delivery.ts';
import { readyHost, signal } from '../../test/hosts.ts';
import { defineAdapter, Permanent, Throttled } from '../index.ts';
import type { DefinedAdapter } from './host.ts';

describe('pushBatch', () => {
  const deliverThree = async (definition: DefinedAdapter) => {
    const { host } = await readyHost(definition);
    const attempts = ['a', 'b', 'c'].map((id) => attemptOf({ event: eventFields({ id }) }));
    return Promise.all(attempts.map((attempt) => host.deliver(attempt, signal)));
  };

  it('gets all attempts of one turn of the event loop, and returns one outcome for each', async () => {
    const batches: string[][] = [];
    const outcomes = await deliverThree(
      defineAdapter({
        pushBatch: (events, contexts) => {
          batches.push(events.map(({ id }, index) => `${id} ${contexts[index]?.idempotencyKey}`));
          return [{ kind: 'delivered', receipt: 'ok' }, new Permanent('no', { code: 'GONE' }), { kind: 'delivered' }];
        },
      }),
    );
    expect(batches).toEqual([['a a/billing', 'b b/billing', 'c c/billing']]);
    expect(outcomes).toEqual([
      { kind: 'delivered', receipt: 'ok' },
      { kind: 'permanent', code: 'GONE', message: 'no' },
      { kind: 'delivered', receipt: '' },
    ]);
  });

  it('gets attempts of another turn in another call', async () => {
    const sizes: number[] = [];
    const { host } = await readyHost(
      defineAdapter({
        pushBatch: (events) => {
          sizes.push(events.length);
          return events.map(() => ({ kind: 'delivered' }) as const);
        },
      }),
    );
    const first = host.deliver(attemptOf(), signal);
    // Still the same turn: only promises have moved.
    await Promise.resolve();
    await Promise.all([first, host.deliver(attemptOf(), signal)]);
    await host.deliver(attemptOf(), signal);
    expect(sizes).toEqual([2, 1]);
  });

  const ok = { kind: 'delivered' };
  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'returned nothing for 3 events'],
    ['no list', ok, 'returned no list for 3 events'],
    ['one too few', [ok, ok], 'returned 2 outcomes for 3 events'],
    ['one too many', [ok, ok, ok, ok], 'returned 4 outcomes for 3 events'],
    ['a hole', [ok, null, ok], 'null without a known kind as outcome 1 of 3'],
    ['four billion holes', new Array(2 ** 32 - 1), 'returned 4294967295 outcomes for 3 events'],
    ['an unknown kind', [ok, ok, { kind: 'maybe' }], 'an object without a known kind as outcome 2 of 3'],
    ['a receipt that is no text', [ok, { ...ok, receipt: { id: 7 } }, ok], 'an object as receipt of outcome 1 of 3'],
    ['an answer in place of an outcome', [new Response(), ok, ok], 'a Response without a known kind as outcome 0 of 3'],
    ['a receipt in place of an outcome', ['ok', ok, ok], 'a string without a known kind as outcome 0 of 3'],
  ])('that returns %s breaks the contract: the whole batch is retryable', async (_what, returned, message) => {
    const outcomes = await deliverThree(defineAdapter({ pushBatch: () => returned as [] }));
    const violation = { kind: 'retryable', code: 'CONTRACT_VIOLATION', message: expect.stringContaining(message) };
    expect(outcomes).toEqual([violation, violation, violation]);
  });

  it('that throws gives every event the outcome of the error', async () => {
    const outcomes = await deliverThree(
      defineAdapter({
        pushBatch: () => {
          throw new Throttled('slower', { retryAfterMs: 9 });
        },
      }),
    );
    const throttled = { kind: 'throttled', code: 'THROTTLED', message: 'slower', retryAfterMs: 9 };
    expect(outcomes).toEqual([throttled, throttled, throttled]);
  });
});

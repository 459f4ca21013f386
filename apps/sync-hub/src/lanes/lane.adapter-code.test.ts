import { describe, expect, it } from 'vitest';
import type { Outcome } from '../core/outcome.ts';
import { ScriptedRuntime } from '../runtimes/suite/scripted-runtime.fixture.ts';
import { openLaneFixture, until } from './lane.fixture.ts';

describe('adapter code that does not return', () => {
  it('is timed out and asked to end, and keeps its key until it has', async () => {
    const fixture = await openLaneFixture({ delivery: { timeoutMs: 20 } });
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    fixture.runtime.answer = ({ event }) =>
      event.id === 'a/k' && fixture.runtime.attempts.length === 1
        ? promise
        : Promise.resolve({ kind: 'delivered', receipt: '' });
    await fixture.start();
    await fixture.accept('a/k', 'b/k', 'c');
    await until(() => fixture.log.includes('a/k: retrying'));
    expect(fixture.records.find(({ eventId }) => eventId === 'a/k')?.attempt).toMatchObject({ outcome: 'timed_out' });
    expect(fixture.runtime.signals[0]?.aborted).toBe(true);
    await until(() => fixture.log.includes('c: delivered'));
    expect(fixture.runtime.ids).toEqual(['a/k', 'c']);
    expect(fixture.lane.health().inFlight).toBe(1);
    resolve({ kind: 'delivered', receipt: 'too late' });
    await until(() => fixture.log.includes('b/k: delivered'));
    expect(fixture.runtime.ids).toEqual(['a/k', 'c', 'a/k', 'b/k']);
  });

  it('opens the breaker by its deadlines and lets a probe through, which may hang as well', async () => {
    const fixture = await openLaneFixture({
      runtime: new ScriptedRuntime({ concurrency: 5 }),
      delivery: { timeoutMs: 10 },
    });
    fixture.runtime.answer = () => new Promise(() => undefined);
    await fixture.start();
    await fixture.accept(...Array.from({ length: 20 }, (_, index) => `e${index}`));
    await until(() => fixture.conditions.filter((condition) => condition === 'half_open').length >= 3);
    // One for each probe, and never a second one in the same breath as the deadline of the first.
    expect(fixture.runtime.attempts.length).toBeLessThanOrEqual(5 + 3);
    fixture.runtime.answer = async () => ({ kind: 'delivered', receipt: '' });
    await until(() => fixture.log.filter((line) => line.endsWith('delivered')).length >= 10);
    expect(fixture.lane.health().breaker.condition).toBe('closed');
  });
});

describe('a runtime that breaks its word', () => {
  it.each<[string, ScriptedRuntime['answer']]>([
    [
      'throws',
      () => {
        throw new TypeError('the payload is 4711');
      },
    ],
    ['rejects', () => Promise.reject(new TypeError('the payload is 4711'))],
  ])('costs one attempt when it %s, and not the hub', async (_how, answer) => {
    const fixture = await openLaneFixture();
    fixture.runtime.answer = answer;
    await fixture.start();
    await fixture.accept('a');
    await until(() => fixture.records.length === 3);
    expect(fixture.log.at(-1)).toBe('a: dead_lettered');
    const [first] = fixture.records;
    expect(first?.attempt).toMatchObject({
      outcome: 'crashed',
      failure: { code: 'RUNTIME_BROKEN', message: "the adapter's runtime failed where it must not (TypeError)" },
    });
    expect(JSON.stringify(fixture.records)).not.toMatch('4711');
  });

  it('is failed when it cannot be started, and its deliveries wait', async () => {
    const fixture = await openLaneFixture();
    fixture.runtime.start = () => Promise.reject(new RangeError('no memory'));
    await fixture.start();
    await fixture.accept('a');
    expect(fixture.lane.health()).toMatchObject({
      state: 'failed',
      reason: "the adapter's runtime could not be started (RangeError)",
    });
    expect(await fixture.statistics()).toMatchObject({ unsettled: 1 });
    expect(fixture.lane.heldBy({ seq: 1, key: '' })).toBe('not_ready');
    expect(fixture.runtime.attempts).toEqual([]);
  });

  it('does not keep the hub from stopping', async () => {
    const fixture = await openLaneFixture();
    await fixture.start();
    fixture.runtime.close = () => {
      throw new Error('not now');
    };
    await expect(fixture.lane.close()).resolves.toBeUndefined();
  });
});

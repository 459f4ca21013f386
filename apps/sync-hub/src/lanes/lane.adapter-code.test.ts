import { describe, expect, it } from 'vitest';
import type { Outcome } from '../core/outcome.ts';
import { ScriptedRuntime } from '../runtimes/suite/scripted-runtime.suite.ts';
import { LaneBench, until } from './lane-bench.suite.ts';

describe('adapter code that does not return', () => {
  it('is timed out and asked to end, and keeps its key until it has', async () => {
    const bench = new LaneBench({ delivery: { timeoutMs: 20 } });
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    bench.runtime.answer = ({ event }) =>
      event.id === 'a/k' && bench.runtime.attempts.length === 1
        ? promise
        : Promise.resolve({ kind: 'delivered', receipt: '' });
    await bench.lane.start();
    await bench.accept('a/k', 'b/k', 'c');
    await until(() => bench.told.includes('a/k: retrying'));
    expect(bench.records.find(({ eventId }) => eventId === 'a/k')?.attempt).toMatchObject({ outcome: 'timed_out' });
    expect(bench.runtime.signals[0]?.aborted).toBe(true);
    await until(() => bench.told.includes('c: delivered'));
    expect(bench.runtime.ids).toEqual(['a/k', 'c']);
    expect(bench.lane.health().inFlight).toBe(1);
    resolve({ kind: 'delivered', receipt: 'too late' });
    await until(() => bench.told.includes('b/k: delivered'));
    expect(bench.runtime.ids).toEqual(['a/k', 'c', 'a/k', 'b/k']);
  });

  it('opens the breaker by its deadlines and lets a probe through, which may hang as well', async () => {
    const bench = new LaneBench({ runtime: new ScriptedRuntime({ concurrency: 5 }), delivery: { timeoutMs: 10 } });
    bench.runtime.answer = () => new Promise(() => undefined);
    await bench.lane.start();
    await bench.accept(...Array.from({ length: 20 }, (_, index) => `e${index}`));
    await until(() => bench.conditions.filter((condition) => condition === 'half_open').length >= 3);
    // One for each probe, and never a second one in the same breath as the deadline of the first.
    expect(bench.runtime.attempts.length).toBeLessThanOrEqual(5 + 3);
    bench.runtime.answer = async () => ({ kind: 'delivered', receipt: '' });
    await until(() => bench.told.filter((line) => line.endsWith('delivered')).length >= 10);
    expect(bench.lane.health().breaker.condition).toBe('closed');
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
    const bench = new LaneBench();
    bench.runtime.answer = answer;
    await bench.lane.start();
    await bench.accept('a');
    await until(() => bench.records.length === 3);
    expect(bench.told.at(-1)).toBe('a: dead_lettered');
    const [first] = bench.records;
    expect(first?.attempt).toMatchObject({
      outcome: 'crashed',
      failure: { code: 'RUNTIME_BROKEN', message: "the adapter's runtime failed where it must not (TypeError)" },
    });
    expect(JSON.stringify(bench.records)).not.toMatch('4711');
  });

  it('is failed when it cannot be started, and its deliveries wait', async () => {
    const bench = new LaneBench();
    bench.runtime.start = () => Promise.reject(new RangeError('no memory'));
    await bench.lane.start();
    await bench.accept('a');
    expect(bench.lane.health()).toMatchObject({
      state: 'failed',
      reason: "the adapter's runtime could not be started (RangeError)",
      waiting: 1,
    });
    expect(bench.lane.heldBy({ seq: 1, key: '' })).toBe('not_ready');
    expect(bench.runtime.attempts).toEqual([]);
  });

  it('does not keep the hub from stopping', async () => {
    const bench = new LaneBench();
    await bench.lane.start();
    bench.runtime.close = () => {
      throw new Error('not now');
    };
    await expect(bench.lane.close()).resolves.toBeUndefined();
  });
});

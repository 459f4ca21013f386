import { describe, expect, it } from 'vitest';
import { DEFAULT_BREAKER } from '../core/breaker-policy.ts';
import { ScriptedRuntime } from '../runtimes/suite/scripted-runtime.suite.ts';
import { LaneBench, retryable, until } from './lane-bench.suite.ts';

describe('an external system that is down', () => {
  it('opens the breaker, is tried one by one, and gets everything in order when it is back; nothing is dead', async () => {
    const bench = new LaneBench({ runtime: new ScriptedRuntime({ concurrency: 2 }) });
    bench.runtime.answer = async () => retryable;
    await bench.lane.start();
    const ids = Array.from({ length: 12 }, (_, index) => `e${index}/k${index % 6}`);
    await bench.accept(...ids);
    // Five probes on top of what opened it: more than the budget of any delivery.
    await until(() => bench.conditions.filter((condition) => condition === 'half_open').length >= 5);
    bench.runtime.answer = async () => ({ kind: 'delivered', receipt: '' });
    await until(() => bench.lane.health().waiting === 0);
    expect(bench.conditions.slice(0, 4)).toEqual(['closed', 'open', 'half_open', 'open']);
    expect(bench.conditions.slice(-2)).toEqual(['half_open', 'closed']);
    expect(bench.lane.health().deadLetters).toBe(0);
    for (const key of ['k0', 'k1', 'k2', 'k3', 'k4', 'k5']) {
      const delivered = bench.told.filter((line) => line.endsWith('delivered') && line.includes(`/${key}:`));
      expect(delivered).toEqual(ids.filter((id) => id.endsWith(key)).map((id) => `${id}: delivered`));
    }
  });

  it('is not called while the breaker is open', async () => {
    const bench = new LaneBench({ breakerPolicy: { ...DEFAULT_BREAKER, resetTimeoutMs: 60_000 } });
    bench.runtime.answer = async () => retryable;
    await bench.lane.start();
    await bench.accept('a', 'b', 'c', 'd', 'e');
    await until(() => bench.records.length === 5);
    const calls = bench.runtime.attempts.length;
    await bench.accept('f');
    await until(() => bench.held.some(({ eventId, heldBy }) => eventId === 'f' && heldBy === 'breaker'));
    expect(bench.runtime.attempts.length).toBe(calls);
  });
});

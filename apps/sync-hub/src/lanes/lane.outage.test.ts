import { describe, expect, it } from 'vitest';
import { DEFAULT_BREAKER } from '../core/breaker-policy.ts';
import { ScriptedRuntime } from '../runtimes/suite/scripted-runtime.fixture.ts';
import { openLaneFixture, retryable, until } from './lane.fixture.ts';

describe('an external system that is down', () => {
  it('opens the breaker, is tried one by one, and gets everything in order when it is back; nothing is dead', async () => {
    const fixture = await openLaneFixture({ runtime: new ScriptedRuntime({ concurrency: 2 }) });
    fixture.runtime.answer = async () => retryable;
    await fixture.start();
    const ids = Array.from({ length: 12 }, (_, index) => `e${index}/k${index % 6}`);
    await fixture.accept(...ids);
    // Five probes on top of what opened it: more than the budget of any delivery.
    await until(() => fixture.conditions.filter((condition) => condition === 'half_open').length >= 5);
    fixture.runtime.answer = async () => ({ kind: 'delivered', receipt: '' });
    await fixture.settled();
    expect(fixture.conditions.slice(0, 4)).toEqual(['closed', 'open', 'half_open', 'open']);
    expect(fixture.conditions.slice(-2)).toEqual(['half_open', 'closed']);
    expect(await fixture.statistics()).toMatchObject({ deadLetters: 0 });
    for (const key of ['k0', 'k1', 'k2', 'k3', 'k4', 'k5']) {
      const delivered = fixture.log.filter((line) => line.endsWith('delivered') && line.includes(`/${key}:`));
      expect(delivered).toEqual(ids.filter((id) => id.endsWith(key)).map((id) => `${id}: delivered`));
    }
  });

  it('is not called while the breaker is open', async () => {
    const fixture = await openLaneFixture({ breakerPolicy: { ...DEFAULT_BREAKER, resetTimeoutMs: 60_000 } });
    fixture.runtime.answer = async () => retryable;
    await fixture.start();
    await fixture.accept('a', 'b', 'c', 'd', 'e');
    await until(() => fixture.records.length === 5);
    const calls = fixture.runtime.attempts.length;
    const [f] = await fixture.accept('f');
    expect(f && fixture.lane.heldBy(f)).toBe('breaker');
    expect(fixture.runtime.attempts.length).toBe(calls);
  });
});

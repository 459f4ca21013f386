import { describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../core/outcome.ts';
import { ScriptedRuntime } from '../runtimes/suite/scripted-runtime.fixture.ts';
import { openLaneFixture, retryable, until } from './lane.fixture.ts';

describe('draining', () => {
  it('begins nothing new and ends when what runs is recorded', async () => {
    const fixture = await openLaneFixture({ runtime: new ScriptedRuntime({ concurrency: 1 }) });
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    fixture.runtime.answer = () => promise;
    await fixture.start();
    await fixture.accept('a', 'b');
    let isDrained = false;
    const drained = fixture.lane.drain(60_000).then(() => {
      isDrained = true;
    });
    expect(fixture.lane.health().state).toBe('draining');
    fixture.journal.control.hold();
    resolve({ kind: 'delivered', receipt: '' });
    await until(() => fixture.lane.health().inFlight === 0);
    expect(isDrained).toBe(false);
    fixture.journal.control.release();
    await drained;
    expect(fixture.log).toEqual(['a: delivered']);
    expect(fixture.runtime.ids).toEqual(['a']);
  });

  it('ends at once when nothing runs', async () => {
    const fixture = await openLaneFixture();
    await fixture.start();
    await fixture.lane.drain(60_000);
  });

  it('ends after its time although something hangs', async () => {
    const fixture = await openLaneFixture();
    fixture.runtime.answer = () => new Promise(() => undefined);
    await fixture.start();
    await fixture.accept('a');
    await fixture.lane.drain(10);
    expect(fixture.lane.health().inFlight).toBe(1);
  });

  it('is what closing does as well: what the abort ends costs no attempt and makes room for nothing', async () => {
    const fixture = await openLaneFixture({ runtime: new ScriptedRuntime({ concurrency: 1 }) });
    fixture.runtime.answer = (_attempt, signal) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(retryable)));
    await fixture.start();
    await fixture.accept('a', 'b');
    await fixture.lane.close();
    await fixture.journal.close();
    expect(fixture.log).toEqual([]);
    expect([fixture.runtime.ids, fixture.runtime.isClosed]).toEqual([['a'], true]);
  });

  it('leaves no timer behind when it is closed', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    const fixture = await openLaneFixture();
    fixture.runtime.answer = async () => retryable;
    await fixture.start();
    await fixture.accept('a', 'b', 'c', 'd', 'e', 'f');
    expect(vi.getTimerCount()).toBeGreaterThan(0);
    await fixture.lane.close();
    await fixture.journal.close();
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });
});

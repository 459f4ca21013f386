import { describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../core/outcome.ts';
import { ScriptedRuntime } from '../runtimes/suite/scripted-runtime.suite.ts';
import { LaneBench, retryable, until } from './lane-bench.suite.ts';

describe('draining', () => {
  it('begins nothing new and ends when what runs is recorded', async () => {
    const bench = new LaneBench({ runtime: new ScriptedRuntime({ concurrency: 1 }) });
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    bench.runtime.answer = () => promise;
    await bench.lane.start();
    await bench.accept('a', 'b');
    let isDrained = false;
    const drained = bench.lane.drain(60_000).then(() => {
      isDrained = true;
    });
    expect(bench.lane.health().state).toBe('draining');
    bench.journal.holdCommits();
    resolve({ kind: 'delivered', receipt: '' });
    await until(() => bench.lane.health().inFlight === 0);
    expect(isDrained).toBe(false);
    bench.journal.releaseCommits();
    await drained;
    expect(bench.told).toEqual(['a: delivered']);
    expect(bench.runtime.ids).toEqual(['a']);
  });

  it('ends at once when nothing runs', async () => {
    const bench = new LaneBench();
    await bench.lane.start();
    await bench.lane.drain(60_000);
  });

  it('ends after its time although something hangs', async () => {
    const bench = new LaneBench();
    bench.runtime.answer = () => new Promise(() => undefined);
    await bench.lane.start();
    await bench.accept('a');
    await bench.lane.drain(10);
    expect(bench.lane.health().inFlight).toBe(1);
  });

  it('is what closing does as well: what the abort ends costs no attempt and makes room for nothing', async () => {
    const bench = new LaneBench({ runtime: new ScriptedRuntime({ concurrency: 1 }) });
    bench.runtime.answer = (_attempt, signal) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(retryable)));
    await bench.lane.start();
    await bench.accept('a', 'b');
    await bench.lane.close();
    await bench.journal.close();
    expect(bench.told).toEqual([]);
    expect([bench.runtime.ids, bench.runtime.isClosed]).toEqual([['a'], true]);
  });

  it('leaves no timer behind when it is closed', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    const bench = new LaneBench();
    bench.runtime.answer = async () => retryable;
    await bench.lane.start();
    await bench.accept('a', 'b', 'c', 'd', 'e', 'f');
    expect(vi.getTimerCount()).toBeGreaterThan(0);
    await bench.lane.close();
    await bench.journal.close();
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });
});

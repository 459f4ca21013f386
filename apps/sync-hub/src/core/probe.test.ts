import { describe, expect, it } from 'vitest';
import { crashed, retryable, ScriptedLane } from '../../sim/scripted-lane.ts';

const paused = { kind: 'paused', cause: { kind: 'operator', reason: 'maintenance' } } as const;

describe('one delivery that a person lets through', () => {
  it('goes though the lane is paused, and no other does', () => {
    const lane = new ScriptedLane().take(paused).arrive({ seq: 1 }, { seq: 2 });
    expect(lane.probe().begun).toEqual([1]);
    expect(lane.finish(1).begun).toEqual([]);
    expect(lane.probe().begun).toEqual([2]);
  });

  it('goes when the breaker became half open for it, and is that probe', () => {
    const lane = new ScriptedLane().breaker('open').arrive({ seq: 1 }, { seq: 2 });
    expect(lane.probe().begun).toEqual([]);
    expect(lane.breaker('half_open').begun).toEqual([1]);
    expect(lane.probe().effects).toEqual([]);
    expect(lane.breaker('open').finish(1, retryable).begun).toEqual([]);
  });

  it('goes though it waits for its retry, whoever asked for the wait', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).finish(1, { ...retryable, retryAfterMs: 60_000 });
    expect(lane.probe().begun).toEqual([1]);
  });

  it('goes though the lane is throttled', () => {
    const throttled = { kind: 'throttled', failure: retryable.failure, retryAfterMs: 60_000 } as const;
    const lane = new ScriptedLane().arrive({ seq: 1 }).finish(1, throttled).arrive({ seq: 2 });
    expect(lane.probe().begun).toEqual([2]);
  });

  it('spends nothing', () => {
    const rules = { retry: { baseMs: 1, capMs: 1, maxAttempts: 1 } };
    const lane = new ScriptedLane({ rules }).take(paused).arrive({ seq: 1 }).probe().end(1, retryable);
    expect(lane.records).toMatchObject([{ state: 'retrying', counts: { attempts: 1, spent: 0 } }]);
  });

  it('is none when nothing waits, the adapter does not run, or the hub stops', () => {
    expect(new ScriptedLane().probe().effects).toEqual([]);
    expect(new ScriptedLane({ runtime: 'not_ready' }).arrive({ seq: 1 }).probe().begun).toEqual([]);
    expect(new ScriptedLane().take(paused).arrive({ seq: 1 }).take({ kind: 'draining' }).probe().begun).toEqual([]);
  });

  it('is none when as many run as the adapter takes', () => {
    const lane = new ScriptedLane({ runtime: { concurrency: 2 } }).arrive({ seq: 1 }, { seq: 2 }, { seq: 3 });
    expect(lane.probe().begun).toEqual([]);
  });

  it('is none beside one that may have broken the adapter and runs alone', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }, { seq: 2 });
    lane
      .finish(1, { ...crashed, suspects: 2 })
      .finish(2, { ...crashed, suspects: 2 })
      .later(500);
    expect(lane.state.suspectRuns).toBe(true);
    expect(lane.arrive({ seq: 3 }).probe().begun).toEqual([]);
  });

  it('is not one that was given up before the breaker became half open', () => {
    const lane = new ScriptedLane().breaker('open').arrive({ seq: 1 }, { seq: 2 }).probe().discard(1);
    expect(lane.breaker('half_open').begun).toEqual([2]);
  });
});

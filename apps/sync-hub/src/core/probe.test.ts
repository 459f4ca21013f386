import { describe, expect, it } from 'vitest';
import { crashed, paused, retryable, ScriptedLane } from './scripted-lane.fixture.ts';

const NOTHING = { kind: 'probing', event: undefined } as const;

describe('one delivery that an operator lets through', () => {
  it('goes though the lane is paused, and no other does', () => {
    const lane = new ScriptedLane().handle(paused).arrive({ seq: 1 }, { seq: 2 });
    expect(lane.probe().begun).toEqual([1]);
    expect(lane.finish(1).begun).toEqual([]);
    expect(lane.probe().begun).toEqual([2]);
  });

  it('goes when the breaker became half open for it, and is that probe', () => {
    const lane = new ScriptedLane().breaker('open').arrive({ seq: 1 }, { seq: 2 });
    expect(lane.probe().begun).toEqual([]);
    expect(lane.breaker('half_open').begun).toEqual([1]);
    expect(lane.probe().effects).toEqual([NOTHING]);
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

  it('is one that waits for its retry, though another runs that was due before it', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).finish(1, { ...retryable, retryAfterMs: 60_000 });
    expect(lane.arrive({ seq: 2 }).begun).toEqual([2]);
    expect(lane.probe().begun).toEqual([1]);
  });

  it('is looked for once, though the half-open breaker looks for one as well', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).finish(1, { ...retryable, retryAfterMs: 60_000 });
    lane.isJournalSlow = true;
    lane.breaker('open').breaker('half_open').probe().handle({ kind: 'head', purpose: 'breaker', head: undefined });
    expect(lane.probe().effects).toEqual([NOTHING]);
  });

  it('spends nothing', () => {
    const rules = { retry: { baseMs: 1, capMs: 1, maxAttempts: 1 } };
    const lane = new ScriptedLane({ rules }).handle(paused).arrive({ seq: 1 }).probe().end(1, retryable);
    expect(lane.records).toMatchObject([{ state: 'retrying', counts: { attempts: 1, spent: 0 } }]);
  });

  it('is none when nothing waits, the adapter does not run, or the hub stops', () => {
    expect(new ScriptedLane().probe().effects).toContainEqual(NOTHING);
    expect(new ScriptedLane({ runtime: 'not_ready' }).arrive({ seq: 1 }).probe().begun).toEqual([]);
    expect(new ScriptedLane().handle(paused).arrive({ seq: 1 }).handle({ kind: 'draining' }).probe().begun).toEqual([]);
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
    expect(lane.arrive({ seq: 3 }).probe().begun).toEqual([]);
  });

  it('is none that waits for its retry, may have broken the adapter, and would not run alone', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }, { seq: 2 }, { seq: 3 });
    lane.finish(1, { ...crashed, suspects: 2 });
    expect(lane.probe().begun).toEqual([]);
    expect(lane.finish(2).finish(3).probe().begun).toEqual([1]);
  });

  it('is none whose overdue code still runs, and that one waits out its backoff then', () => {
    const lane = new ScriptedLane({ runtime: { attemptTimeoutMs: 1_000 } }).arrive({ seq: 1 }).later(1_000).recorded(1);
    expect(lane.probe().effects).toContainEqual(NOTHING);
    expect(lane.end(1).begun).toEqual([]);
    expect(lane.later(60_000).begun).toEqual([1]);
  });

  it('is another one when the one that is due first is being discarded', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }, { seq: 2 });
    lane.finish(1, { ...retryable, retryAfterMs: 60_000 }).finish(2, { ...retryable, retryAfterMs: 90_000 });
    lane.isJournalSlow = true;
    expect(lane.probe().discard(1).answer().effects).not.toContainEqual(NOTHING);
    expect(lane.answer().begun).toEqual([2]);
  });

  it('is not one that was discarded before the breaker became half open', () => {
    const lane = new ScriptedLane().breaker('open').arrive({ seq: 1 }, { seq: 2 }).probe().discard(1);
    expect(lane.breaker('half_open').begun).toEqual([2]);
  });
});

describe('the probe of a half-open breaker', () => {
  const later = { ...retryable, retryAfterMs: 0 };

  it('is of another key than the one that failed last, though that is due first', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key: 'a' }, { seq: 2, key: 'b' });
    lane.finish(2, retryable).finish(1, retryable).breaker('open').later(60_000);
    const probes = [1, 2, 3, 4].map(() => {
      const [seq = 0] = lane.breaker('half_open').begun;
      lane.breaker('open').finish(seq, later).later(60_000);
      return seq;
    });
    expect(probes).toEqual([2, 1, 2, 1]);
  });

  it('is of another key, though that one is not due yet', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key: 'a' }, { seq: 2, key: 'b' });
    lane.finish(1, retryable).finish(2, retryable).breaker('open');
    for (let round = 0; round < 5; round += 1) {
      const [seq = 0] = lane.breaker('half_open').begun;
      expect(seq).toBe(round % 2 === 0 ? 1 : 2);
      lane.breaker('open').finish(seq, later);
    }
  });

  it('is of the same key when nothing else waits', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key: 'a' }).finish(1, retryable).breaker('open').later(60_000);
    expect(lane.breaker('half_open').begun).toEqual([1]);
  });

  it('is the only one that does not wait: the one that failed last and is due first waits on', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key: 'a' }, { seq: 2, key: 'b', counts: { attempts: 9 } });
    lane.finish(2, retryable).finish(1, retryable).breaker('open');
    expect(lane.breaker('half_open').begun).toEqual([2]);
    expect(lane.finish(2).breaker('closed').begun).toEqual([]);
  });

  it('is another one when the system asked that the one due first be spared', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key: 'a' }, { seq: 2, key: 'b', counts: { attempts: 15 } });
    lane
      .finish(2, retryable)
      .finish(1, { ...retryable, retryAfterMs: 60_000 })
      .breaker('open');
    expect(lane.breaker('half_open').begun).toEqual([2]);
  });

  it('leaves the one that was looked for to its backoff when another one came, though overdue code had its key', () => {
    const lane = new ScriptedLane({ runtime: { attemptTimeoutMs: 1_000 } }).arrive({ seq: 1 });
    lane.later(1_000).recorded(1).breaker('open').breaker('half_open');
    expect(lane.arrive({ seq: 2 }).begun).toEqual([2]);
    lane.end(1);
    expect(lane.finish(2).breaker('closed').begun).toEqual([]);
    expect(lane.later(60_000).begun).toEqual([1]);
  });
});

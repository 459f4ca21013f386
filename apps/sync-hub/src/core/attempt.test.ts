import { describe, expect, it } from 'vitest';
import { delivered, paused, retryable, ScriptedLane } from './scripted-lane.fixture.ts';

const key = 'process-7';

describe('which deliveries are attempted', () => {
  it('attempts a delivery as soon as it arrives', () => {
    expect(new ScriptedLane().arrive({ seq: 1 }).begun).toEqual([1]);
  });

  it('attempts one delivery of a key at a time, in the order accepted, and others beside it', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key }, { seq: 2, key }, { seq: 3, key: 'policy-1' }, { seq: 4 });
    expect(lane.begun).toEqual([1, 3, 4]);
    expect(lane.finish(1).begun).toEqual([2]);
  });

  it('frees a key only when the outcome is on disk', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key }, { seq: 2, key });
    expect(lane.end(1).begun).toEqual([]);
    expect(lane.phaseOf(1)).toBe('recording');
    expect(lane.recorded(1).begun).toEqual([2]);
  });

  it('lets a retry go before what came later with its key', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key }, { seq: 2, key }).finish(1, retryable);
    expect(lane.begun).toEqual([]);
    expect(lane.later(500).begun).toEqual([1]);
    expect(lane.finish(1).begun).toEqual([2]);
  });

  it('runs no more at a time than the adapter takes, and goes on when one ends', () => {
    const lane = new ScriptedLane({ runtime: { concurrency: 2 } }).arrive(
      { seq: 1 },
      { seq: 2 },
      { seq: 3 },
      { seq: 4 },
    );
    expect(lane.begun).toEqual([1, 2]);
    expect(lane.end(2).begun).toEqual([3]);
    expect(lane.recorded(2).begun).toEqual([]);
  });

  it('says the number of an attempt and whether an earlier one may have taken effect', () => {
    const stored = [
      { seq: 1, mayHaveRun: true },
      { seq: 2, counts: { cycle: 2 } },
    ];
    const lane = new ScriptedLane({ stored, runtime: 'not_ready' }).ready();
    expect(lane.attempts).toMatchObject([
      { event: { seq: 1 }, number: 1, redelivered: true },
      { event: { seq: 2 }, number: 1, redelivered: true },
    ]);
    expect(lane.arrive({ seq: 3 }).effects).toMatchObject([{ number: 1, redelivered: false }]);
    lane.finish(3, retryable);
    expect(lane.later(500).attempts).toMatchObject([{ number: 2, redelivered: true }]);
  });

  it('attempts nothing before the adapter is ready', () => {
    const lane = new ScriptedLane({ runtime: 'not_ready' }).arrive({ seq: 1, key }, { seq: 2, key }, { seq: 3 });
    expect(lane.begun).toEqual([]);
    expect(lane.ready().begun).toEqual([1, 3]);
  });

  it('begins nothing new while draining, and lets what runs end', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key }, { seq: 2, key }).handle({ kind: 'draining' });
    expect(lane.finish(1).begun).toEqual([]);
    expect(lane.arrive({ seq: 3 }).begun).toEqual([]);
  });
});

describe('the ramp', () => {
  it('doubles with each round of successes after the breaker closed', () => {
    const lane = new ScriptedLane({ runtime: { concurrency: 5 } });
    lane.breaker('open').arrive(...Array.from({ length: 16 }, (_, index) => ({ seq: index + 1 })));
    expect(lane.breaker('half_open').begun).toEqual([1]);
    // The breaker closes on the probe's outcome, before the lane learns that it ended.
    expect(lane.breaker('closed').begun).toEqual([]);
    expect(lane.end(1).begun).toEqual([2]);
    expect(lane.end(2).begun).toEqual([3, 4]);
    expect([...lane.end(3).begun, ...lane.end(4).begun]).toEqual([5, 6, 7, 8]);
    expect([...lane.end(5).begun, ...lane.end(6).begun]).toEqual([9, 10, 11]);
  });

  it('starts again after the adapter was throttled', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).arrive({ seq: 2 });
    lane.end(1, { kind: 'throttled', failure: { code: 'HTTP_429', message: '' }, retryAfterMs: 1_000 }).recorded(1);
    lane.end(2, retryable).arrive({ seq: 3 }, { seq: 4 });
    expect(lane.later(1_000).begun).toHaveLength(1);
  });

  it('does not grow by failures', () => {
    const lane = new ScriptedLane().breaker('open').breaker('closed');
    lane.arrive({ seq: 1 }, { seq: 2 }, { seq: 3 });
    expect(lane.end(1, retryable).begun).toEqual([2]);
    expect(lane.end(2).begun).toEqual([3]);
  });
});

describe('an open breaker', () => {
  it('lets nothing through and loses nothing', () => {
    const lane = new ScriptedLane().breaker('open').arrive({ seq: 1 }, { seq: 2, key });
    expect(lane.begun).toEqual([]);
    expect([lane.phaseOf(1), lane.phaseOf(2)]).toEqual(['ready', 'ready']);
  });
});

describe('a half-open breaker', () => {
  it('lets exactly one delivery through, whatever else comes', () => {
    const lane = new ScriptedLane().breaker('open').arrive({ seq: 1 }, { seq: 2 });
    expect(lane.breaker('half_open').begun).toEqual([1]);
    expect(lane.arrive({ seq: 3 }).begun).toEqual([]);
    expect(lane.end(1).begun).toEqual([]);
    expect(lane.recorded(1).begun).toEqual([]);
  });

  it('does not let a second one through when the first runs out of time', () => {
    const lane = new ScriptedLane().breaker('open').arrive({ seq: 1 }, { seq: 2 }).breaker('half_open');
    expect(lane.later(10_000).begun).toEqual([]);
    expect(lane.recorded(1).begun).toEqual([]);
    expect(lane.end(1).begun).toEqual([]);
    expect(lane.breaker('open').breaker('half_open').begun).toEqual([2]);
  });

  it('waits for the attempts from before', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).breaker('open').arrive({ seq: 2 });
    expect(lane.breaker('half_open').begun).toEqual([]);
    expect(lane.end(1).begun).toEqual([2]);
  });

  it('does not wait for attempts whose deadline has passed', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).later(10_000).breaker('open').arrive({ seq: 2 });
    expect(lane.breaker('half_open').begun).toEqual([2]);
  });

  it('tries another delivery each time', () => {
    const lane = new ScriptedLane().breaker('open').arrive({ seq: 1 }, { seq: 2 }, { seq: 3 });
    const tried = [1, 2, 3, 4].map(() => {
      const [seq = 0] = lane.breaker('half_open').begun;
      lane.breaker('open').finish(seq, retryable).later(15_000);
      return seq;
    });
    expect(tried).toEqual([1, 2, 3, 1]);
  });

  it('takes the delivery that is due first when none is ready', () => {
    const stored = [
      { seq: 1, inMs: 60_000 },
      { seq: 2, inMs: 30_000 },
    ];
    const lane = new ScriptedLane({ stored }).breaker('open');
    expect(lane.breaker('half_open').begun).toEqual([2]);
  });

  it('takes it also when it gets its time only after the breaker turned', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).end(1, retryable).breaker('open').breaker('half_open');
    expect(lane.begun).toEqual([]);
    expect(lane.recorded(1).begun).toEqual([1]);
  });

  it('does not take what the external system asked not to be called for', () => {
    const lane = new ScriptedLane()
      .arrive({ seq: 1 })
      .finish(1, { ...retryable, retryAfterMs: 60_000 })
      .breaker('open');
    expect(lane.breaker('half_open').begun).toEqual([]);
    expect(lane.later(59_999).begun).toEqual([]);
    expect(lane.later(1).begun).toEqual([1]);
  });

  it('lets nothing through while paused, and leaves the schedule as it was', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).finish(1, retryable).handle(paused);
    expect(lane.breaker('open').breaker('half_open').begun).toEqual([]);
    expect(lane.phaseOf(1)).toBeUndefined();
    expect(lane.handle({ kind: 'resumed' }).begun).toEqual([1]);
  });

  it('skips deliveries that the adapter does not take', () => {
    const stored = [
      { seq: 1, type: 'Other', inMs: 1_000 },
      { seq: 2, inMs: 2_000 },
    ];
    const lane = new ScriptedLane({ runtime: { accepts: new Set(['ProcessUpdated']) }, stored }).breaker('open');
    lane.breaker('half_open');
    expect(lane.records).toMatchObject([{ event: { seq: 1 }, state: 'skipped' }]);
    expect(lane.recorded(1).begun).toEqual([2]);
  });
});

it('runs beside attempts that never return at least one at a time', () => {
  const lane = new ScriptedLane({ runtime: { concurrency: 2 } }).arrive({ seq: 1 }, { seq: 2 }, { seq: 3 }, { seq: 4 });
  lane.later(10_000);
  expect(lane.begun).toEqual([]);
  expect(lane.recorded(1).begun).toEqual([3]);
  expect(lane.recorded(2).begun).toEqual([]);
  expect(lane.end(3, delivered).begun).toEqual([4]);
});

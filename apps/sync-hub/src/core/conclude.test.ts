import { describe, expect, it } from 'vitest';
import type { Outcome } from './outcome.ts';
import { crashed, delivered, failure, paused, retryable, ScriptedLane } from './scripted-lane.fixture.ts';

/** One event after another in front of the adapter; `outcomes` are what its attempts come to. */
function attempts(lane: ScriptedLane, outcomes: readonly Outcome[]) {
  lane.arrive({ seq: 1 });
  return outcomes.map((outcome) => {
    const [record] = lane.end(1, outcome).records;
    lane.recorded(1);
    lane.later(3_600_000);
    return record;
  });
}

describe('what an outcome means', () => {
  it('settles what was delivered, with its receipt', () => {
    const [record] = attempts(new ScriptedLane(), [delivered]);
    expect(record).toMatchObject({
      state: 'delivered',
      counts: { attempts: 1, spent: 0 },
      attempt: { outcome: delivered },
    });
    expect(record?.nextAttemptInMs).toBeUndefined();
  });

  it('makes a permanent failure a dead letter at once', () => {
    const [record] = attempts(new ScriptedLane(), [{ kind: 'permanent', failure }]);
    expect(record).toMatchObject({ state: 'dead_lettered', counts: { attempts: 1 } });
  });

  it('makes the first failure a dead letter when one attempt is all there is', () => {
    const rules = { retry: { baseMs: 500, capMs: 300_000, maxAttempts: 1 } };
    const [record] = attempts(new ScriptedLane({ rules }), [retryable]);
    expect(record).toMatchObject({ state: 'dead_lettered', counts: { attempts: 1, spent: 1 } });
  });

  it('draws each wait from a bound that grows and has a cap', () => {
    const rules = { retry: { baseMs: 100, capMs: 250, maxAttempts: 99 } };
    const outcomes = new Array<Outcome>(20).fill(retryable);
    const waits = attempts(new ScriptedLane({ rules }), outcomes).map(
      (record) => record?.nextAttemptInMs ?? Number.NaN,
    );
    expect(waits[0]).toBeLessThan(100);
    expect(Math.max(...waits)).toBeLessThanOrEqual(250);
    expect(Math.max(...waits)).toBeGreaterThan(200);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(50);
  });

  it('waits as long as the system asked, and an hour at the most', () => {
    const waitFor = (retryAfterMs: number) => {
      const [record] = attempts(new ScriptedLane(), [{ ...retryable, retryAfterMs }]);
      return record?.nextAttemptInMs;
    };
    expect(waitFor(20_000)).toBe(20_000);
    expect(waitFor(1e12)).toBe(3_600_000);
    for (const senseless of [Number.NaN, -5]) expect(waitFor(senseless)).toBeLessThan(500);
  });

  it('quarantines what the adapter broke over three times', () => {
    const records = attempts(new ScriptedLane(), [crashed, crashed, crashed]);
    expect(records.map((record) => record?.state)).toEqual(['retrying', 'retrying', 'dead_lettered']);
    expect(records[2]).toMatchObject({
      counts: { crashes: 3 },
      attempt: {
        outcome: {
          kind: 'crashed',
          failure: {
            code: 'QUARANTINED',
            message: 'the adapter broke 3 times over this event; last: the other side is unwell',
          },
        },
      },
    });
  });
});

describe('a throttled lane', () => {
  const throttled = { kind: 'throttled', failure, retryAfterMs: 5_000 } as const;

  it('pauses as a whole for as long as it was asked, and goes on by itself', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).finish(1, throttled).arrive({ seq: 2 });
    expect(lane.begun).toEqual([]);
    expect(lane.later(4_999).begun).toEqual([]);
    expect(lane.later(1).begun).toEqual([2]);
    expect(lane.end(2).begun).toEqual([1]);
  });

  it('spends nothing of the budget', () => {
    const rules = { retry: { baseMs: 1, capMs: 1, maxAttempts: 1 } };
    const records = attempts(new ScriptedLane({ rules }), [throttled, throttled, throttled]);
    expect(records.map((record) => record?.state)).toEqual(['retrying', 'retrying', 'retrying']);
    expect(records[2]).toMatchObject({ counts: { attempts: 3, spent: 0 }, nextAttemptInMs: 5_000 });
  });

  it('goes on when the system asks it of one delivery alone, which waits and spends nothing', () => {
    const rules = { retry: { baseMs: 1, capMs: 1, maxAttempts: 1 } };
    const lane = new ScriptedLane({ rules }).arrive({ seq: 1 }).finish(1, { ...throttled, scope: 'delivery' });
    expect(lane.arrive({ seq: 2 }, { seq: 3 }).begun).toEqual([2, 3]);
    expect(lane.later(4_999).begun).toEqual([]);
    expect(lane.later(1).begun).toEqual([1]);
    expect(lane.end(1, { ...throttled, scope: 'lane' }).records).toMatchObject([{ counts: { attempts: 2, spent: 0 } }]);
    expect(lane.arrive({ seq: 4 }).begun).toEqual([]);
  });

  it('is not opened early by a shorter wait', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }, { seq: 2 }, { seq: 3 }).end(1, throttled);
    lane.end(2, { ...throttled, retryAfterMs: 10 }).end(3);
    expect(lane.later(4_999).arrive({ seq: 4 }).begun).toEqual([]);
    expect(lane.later(1).begun).toEqual([4]);
  });

  it('is not shut for ever by a wait that is not a number', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).finish(1, { ...throttled, retryAfterMs: Number.NaN });
    expect(lane.later(500).begun).toEqual([1]);
  });

  it.each([0, -1, Number.NaN, 1])('is never faster than the backoff when the system names a wait of %d ms', (asked) => {
    const lane = new ScriptedLane();
    // Another delivery each time: the wait grows with what is throttled in the lane, not with the attempts of one.
    const waits = Array.from({ length: 8 }, (_, index) => {
      lane.arrive({ seq: index + 1 });
      const [seq = 0] = lane.running;
      lane.finish(seq, { ...throttled, retryAfterMs: asked });
      const waitMs = lane.state.throttle.untilMs - lane.nowMs;
      lane.later(waitMs);
      return waitMs;
    });
    for (const [index, waitMs] of waits.entries()) expect(waitMs).toBeGreaterThanOrEqual(250 * 2 ** index);
  });

  it('begins with short waits again once a delivery was delivered', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).finish(1, { ...throttled, retryAfterMs: 0 });
    for (let round = 0; round < 5; round += 1) lane.later(60_000).finish(1, { ...throttled, retryAfterMs: 0 });
    lane
      .later(60_000)
      .finish(1)
      .arrive({ seq: 2 })
      .finish(2, { ...throttled, retryAfterMs: 0 });
    expect(lane.state.throttle.untilMs - lane.nowMs).toBeLessThanOrEqual(500);
  });

  it('holds one delivery no shorter than its own backoff when only that is throttled', () => {
    const lane = new ScriptedLane();
    const outcome = { ...throttled, retryAfterMs: 0, scope: 'delivery' } as const;
    const waits = attempts(lane, [outcome, outcome, outcome, outcome]).map((record) => record?.nextAttemptInMs ?? 0);
    for (const [index, waitMs] of waits.entries()) expect(waitMs).toBeGreaterThanOrEqual(250 * 2 ** index);
  });
});

describe('a misconfigured adapter', () => {
  const misconfigured = { kind: 'misconfigured', failure } as const;

  it('pauses the lane, keeps the queue and spends nothing', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key: 'a' }, { seq: 2, key: 'a' }).end(1, misconfigured);
    expect(lane.effects).toMatchObject([
      { kind: 'paused', cause: misconfigured },
      { kind: 'record', state: 'retrying', counts: { attempts: 1, spent: 0 } },
      { kind: 'gate_changed' },
    ]);
    expect(lane.records[0]?.nextAttemptInMs).toBeUndefined();
    expect(lane.recorded(1).later(3_600_000).begun).toEqual([]);
    expect(lane.handle({ kind: 'resumed' }).begun).toEqual([1]);
  });

  it('does not replace the pause of an operator', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).handle(paused).end(1, misconfigured);
    expect(lane.effects.map(({ kind }) => kind)).toEqual(['record']);
    expect(lane.state.pause).toEqual(paused.cause);
  });
});

describe('a probe', () => {
  /** One delivery as the probe of a half-open breaker that goes back to open each time. */
  function probes(outcome: Outcome, count: number) {
    const rules = { retry: { baseMs: 1, capMs: 1, maxAttempts: 1 }, maxCrashes: 99 };
    const lane = new ScriptedLane({ rules }).breaker('open').arrive({ seq: 1 });
    return Array.from({ length: count }, () => {
      lane.breaker('half_open').breaker('open').end(1, outcome);
      const [record] = lane.records;
      lane.recorded(1).later(15_000);
      return record;
    });
  }

  it.each([retryable, crashed])(
    'that fails spends nothing, so that no outage makes a dead letter: $kind',
    (outcome) => {
      const records = probes(outcome, 20);
      expect(records.map((record) => record?.state)).toEqual(new Array(20).fill('retrying'));
      expect(records.at(-1)?.counts).toMatchObject({ attempts: 20, spent: 0 });
    },
  );

  it('that runs out of time spends nothing', () => {
    const rules = { retry: { baseMs: 1, capMs: 1, maxAttempts: 1 } };
    const lane = new ScriptedLane({ rules }).breaker('open').arrive({ seq: 1 }).breaker('half_open').later(10_000);
    expect(lane.records).toMatchObject([{ state: 'retrying', counts: { attempts: 1, spent: 0 } }]);
  });

  it('that is refused permanently is a dead letter like any other', () => {
    expect(probes({ kind: 'permanent', failure }, 1)).toMatchObject([{ state: 'dead_lettered' }]);
  });
});

import { describe, expect, it } from 'vitest';
import { LEAST_MAX_AGE_MS } from './retry.ts';
import { delivered, retryable, ScriptedLane } from './scripted-lane.fixture.ts';

const policy = { baseMs: 500, capMs: 300_000, maxAttempts: 3 };
const HOUR_MS = 3_600_000;

/** A lane with what it recorded last of each event. */
class Watched extends ScriptedLane {
  readonly stands = new Map<number, string>();

  override handle(input: Parameters<ScriptedLane['handle']>[0]): this {
    super.handle(input);
    for (const { event, state, counts } of this.records) {
      this.stands.set(event.seq, `${state} after ${counts.attempts}, ${counts.spent} counted`);
    }
    return this;
  }

  /** Time goes on until the next attempt of this event, which fails. */
  failNext(seq: number): this {
    for (let wakes = 0; this.phaseOf(seq) !== 'attempting'; wakes += 1) {
      if (wakes > 100) throw new Error(`event ${seq} has no next attempt: ${this.stands.get(seq)}`);
      for (const other of this.running) this.finish(other, retryable);
      this.wake();
    }
    return this.finish(seq, retryable);
  }

  /** Another event comes and is delivered. */
  serve(seq: number): this {
    return this.arrive({ seq }).finish(seq, delivered);
  }
}

function createLane({ maxAttempts = policy.maxAttempts } = {}): Watched {
  return new Watched({ rules: { retry: { ...policy, maxAttempts } } });
}

describe('a failed attempt', () => {
  it('counts once another delivery was delivered that was sent after it', () => {
    const lane = createLane().arrive({ seq: 1 }).finish(1, retryable);
    lane.failNext(1);
    expect(lane.stands.get(1)).toBe('retrying after 2, 0 counted');
    lane.serve(2).failNext(1);
    expect(lane.stands.get(1)).toBe('retrying after 3, 2 counted');
  });

  it('does not count by what was sent before it failed', () => {
    const lane = createLane().arrive({ seq: 1 }, { seq: 2 });
    lane.nowMs += 10;
    lane.finish(1, retryable).finish(2, delivered).failNext(1);
    expect(lane.stands.get(1)).toBe('retrying after 2, 0 counted');
  });

  it('does not count when the breaker opens first', () => {
    const lane = createLane().arrive({ seq: 1 }).finish(1, retryable).breaker('open').breaker('half_open');
    lane.finish(1, retryable).breaker('closed').later(1).serve(2).failNext(1);
    expect(lane.stands.get(1)).toBe('retrying after 3, 0 counted');
  });

  it('does not count when it began before the breaker opened and fails after that', () => {
    const lane = createLane().arrive({ seq: 1 }).breaker('open').finish(1, retryable).breaker('closed');
    lane.serve(2).failNext(1);
    expect(lane.stands.get(1)).toBe('retrying after 2, 0 counted');
  });
});

describe('one event that always fails amid others that are delivered', () => {
  it.each([2, 3, 6])('is a dead letter by a last attempt after %d that count', (maxAttempts) => {
    const lane = createLane({ maxAttempts }).arrive({ seq: 1 }).finish(1, retryable);
    for (let seq = 2; !lane.stands.get(1)?.startsWith('dead') && seq < 200_000; seq += 1) {
      lane.later(20).serve(seq);
      if (lane.phaseOf(1) === 'attempting') lane.finish(1, retryable);
    }
    expect(lane.stands.get(1)).toBe(`dead_lettered after ${maxAttempts + 1}, ${maxAttempts + 1} counted`);
  });
});

describe('a total outage', () => {
  it.each([2, 3, 10])('makes no dead letter on a quiet lane, however long it is, with %d attempts', (maxAttempts) => {
    const lane = createLane({ maxAttempts }).serve(1).arrive({ seq: 2 }).finish(2, retryable);
    while (lane.nowMs < 23 * HOUR_MS) lane.failNext(2);
    expect(lane.stands.get(2)).toMatch(/^retrying/);
    // The system is back, and shows it by another event: what failed is tried at once, before anything is decided.
    lane.later(1_000).serve(3);
    expect(lane.phaseOf(2)).toBe('attempting');
    expect(lane.finish(2, delivered).stands.get(2)).toMatch(/^delivered/);
  });

  it('makes no dead letter of what failed once before it', () => {
    const lane = createLane({ maxAttempts: 2 }).arrive({ seq: 1 }).finish(1, retryable).serve(2);
    for (let round = 0; round < 50; round += 1) lane.failNext(1);
    expect(lane.stands.get(1)).toMatch(/^retrying/);
    lane.later(1_000).serve(3).finish(1, delivered);
    expect(lane.stands.get(1)).toMatch(/^delivered/);
  });

  it('makes no dead letter when it is shorter than it takes the breaker to open', () => {
    const lane = createLane({ maxAttempts: 2 }).serve(1).arrive({ seq: 2 }).finish(2, retryable).failNext(2);
    lane.serve(3);
    expect(lane.stands.get(2)).toMatch(/^retrying/);
    lane.later(500).finish(2, delivered);
    expect(lane.stands.get(2)).toMatch(/^delivered/);
  });

  it('makes no dead letter of a last attempt during which another one failed', () => {
    const lane = createLane().arrive({ seq: 1 }).finish(1, retryable).failNext(1).failNext(1).failNext(1);
    lane.later(1_000).serve(2);
    expect(lane.phaseOf(1)).toBe('attempting');
    lane.arrive({ seq: 3 }).later(100).finish(3, retryable).later(100).finish(1, retryable);
    expect(lane.stands.get(1)).toMatch(/^retrying/);
  });

  it('makes no dead letter of what had used up its attempts before a restart', () => {
    const stored = [{ seq: 1, counts: { attempts: 9, spent: 3 } }];
    const lane = new Watched({ rules: { retry: policy }, stored }).finish(1, retryable);
    for (let round = 0; round < 20; round += 1) lane.failNext(1);
    expect(lane.stands.get(1)).toMatch(/^retrying/);
  });
});

describe('a few events that always fail, alone on a quiet lane', () => {
  it('are dead letters as soon as another one was delivered and they fail still', () => {
    const lane = createLane().arrive({ seq: 1 }, { seq: 2 }).finish(1, retryable).finish(2, retryable);
    for (let round = 0; round < 12; round += 1) lane.failNext(1).failNext(2);
    lane.later(1_000).serve(3);
    expect([lane.phaseOf(1), lane.phaseOf(2)]).toEqual(['attempting', 'attempting']);
    lane.finish(1, retryable).finish(2, retryable);
    expect([...lane.stands.values()].filter((stands) => stands.startsWith('dead_lettered'))).toHaveLength(2);
  });

  it('are dead letters by one success, also those that failed just before it', () => {
    const lane = createLane().arrive({ seq: 1 }, { seq: 2 }).finish(1, retryable).finish(2, retryable);
    for (let round = 0; round < 12; round += 1) lane.failNext(1).failNext(2);
    lane.later(100).serve(3).later(100);
    if (lane.phaseOf(1) === 'attempting') lane.finish(1, retryable);
    lane.later(400).finish(2, retryable);
    expect([...lane.stands.values()].filter((stands) => stands.startsWith('dead_lettered'))).toHaveLength(2);
  });

  it('are not tried again at once when a probe has just failed', () => {
    const lane = createLane().arrive({ seq: 1 }).finish(1, retryable).failNext(1).failNext(1);
    lane.later(1_000).probe().finish(1, retryable);
    expect(lane.serve(2).phaseOf(1)).toBeUndefined();
    expect(lane.later(499).phaseOf(1)).toBeUndefined();
    expect(lane.later(1).phaseOf(1)).toBe('attempting');
  });

  it('are not tried again by a success from before a probe that failed since', () => {
    const lane = createLane().arrive({ seq: 1 }).finish(1, retryable).failNext(1).failNext(1);
    lane.serve(2).probe().finish(1, retryable);
    expect(lane.later(500).phaseOf(1)).toBeUndefined();
    expect(lane.later(300_000).phaseOf(1)).toBe('attempting');
  });

  it('wait as long as the external system asked, also then', () => {
    const lane = createLane().arrive({ seq: 1 }).finish(1, retryable).failNext(1).failNext(1);
    lane.later(300_000).finish(1, { ...retryable, retryAfterMs: HOUR_MS });
    expect(lane.later(60_000).serve(2).phaseOf(1)).toBeUndefined();
  });

  it('are dead letters at the maximum age, and not before', () => {
    const lane = createLane().arrive({ seq: 1 }).finish(1, retryable);
    const bornMs = 1_000;
    while (!lane.stands.get(1)?.startsWith('dead')) {
      expect(lane.nowMs - bornMs).toBeLessThan(LEAST_MAX_AGE_MS);
      lane.failNext(1);
    }
    expect(lane.nowMs - bornMs).toBeGreaterThanOrEqual(LEAST_MAX_AGE_MS);
    expect(lane.stands.get(1)).toMatch(/^dead_lettered/);
  });
});

describe('the age of a delivery', () => {
  it('begins when the breaker closed: an outage does not use it up', () => {
    const lane = createLane()
      .arrive({ seq: 1 })
      .finish(1, retryable)
      .breaker('open')
      .later(3 * LEAST_MAX_AGE_MS);
    lane.breaker('half_open').finish(1, retryable);
    lane.breaker('open').breaker('half_open').breaker('closed').failNext(1);
    expect(lane.stands.get(1)).toMatch(/^retrying/);
  });

  it.each([LEAST_MAX_AGE_MS, 1_000 * LEAST_MAX_AGE_MS])(
    'leaves an hour after a start of the hub, whatever the clock says: %d ms',
    (ageMs) => {
      const stored = [{ seq: 1, counts: { attempts: 9 }, ageMs }];
      const lane = new Watched({ rules: { retry: policy }, stored }).finish(1, retryable);
      while (!lane.stands.get(1)?.startsWith('dead')) lane.failNext(1);
      expect(lane.nowMs).toBeGreaterThanOrEqual(HOUR_MS);
      expect(lane.nowMs).toBeLessThan(2 * HOUR_MS);
    },
  );
});

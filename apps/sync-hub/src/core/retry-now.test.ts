import { describe, expect, it } from 'vitest';
import { failure, paused, retryable, ScriptedLane } from './scripted-lane.fixture.ts';

const inAnHour = { ...retryable, retryAfterMs: 3_600_000 };
const throttled = { kind: 'throttled', failure, retryAfterMs: 3_600_000 } as const;

describe('an operator who retries now', () => {
  it('makes deliveries due that wait for their next attempt, also when the external system named the wait', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }, { seq: 2 }).finish(1, inAnHour).finish(2, retryable);
    expect(lane.retryNow().begun.toSorted()).toEqual([1, 2]);
  });

  it('lets a throttled lane go on', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).finish(1, throttled).arrive({ seq: 2 });
    expect(lane.begun).toEqual([]);
    expect(lane.retryNow().begun).toHaveLength(1);
    expect(lane.later(0).state.throttle.untilMs).toBe(0);
  });

  it('is heard by a delivery that has its time from the journal and waits behind another of its key', () => {
    const waits = { seq: 2, key: 'a', counts: { attempts: 1, spent: 1 }, inMs: 60_000 };
    const lane = new ScriptedLane({ stored: [{ seq: 1, key: 'a' }, waits] }).retryNow();
    expect(lane.finish(1).begun).toEqual([2]);
  });

  it('is heard by one that was let through ahead of its time and then did not run', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).finish(1, inAnHour).probe();
    expect(lane.begun).toEqual([1]);
    lane.retryNow().end(1, { kind: 'not_run' });
    expect(lane.wake().begun).toEqual([1]);
  });

  it('leaves the order of a key, a pause and the breaker as they are', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key: 'a' }, { seq: 2, key: 'a' }).finish(1, inAnHour);
    expect(lane.breaker('open').retryNow().begun).toEqual([]);
    lane.handle(paused).breaker('closed');
    expect(lane.retryNow().begun).toEqual([]);
    expect(lane.handle({ kind: 'resumed' }).begun).toEqual([1]);
  });
});

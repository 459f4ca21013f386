import { describe, expect, it } from 'vitest';
import { failure, retryable, ScriptedLane } from './scripted-lane.fixture.ts';
import { nextWakeMs } from './step.ts';

describe('when the lane must be woken', () => {
  it('is never while nothing waits for a time', () => {
    const lane = new ScriptedLane();
    expect(nextWakeMs(lane.state)).toBe(Number.POSITIVE_INFINITY);
    lane.arrive({ seq: 1 }).finish(1);
    expect(nextWakeMs(lane.state)).toBe(Number.POSITIVE_INFINITY);
  });

  it('is at the earliest deadline of what runs', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 });
    lane.nowMs += 500;
    lane.arrive({ seq: 2 });
    expect(nextWakeMs(lane.state)).toBe(11_000);
    lane.end(1);
    expect(nextWakeMs(lane.state)).toBe(11_500);
  });

  it('is when the first retry is due', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).finish(1, { ...retryable, retryAfterMs: 7_000 });
    lane.arrive({ seq: 2 }).finish(2, { ...retryable, retryAfterMs: 5_000 });
    expect(nextWakeMs(lane.state)).toBe(6_000);
    lane.later(5_000).finish(2);
    expect(nextWakeMs(lane.state)).toBe(8_000);
  });

  it('is when a throttled lane may go on, and not again after that', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).end(1, { kind: 'throttled', failure, retryAfterMs: 3_000 });
    expect(nextWakeMs(lane.state)).toBe(4_000);
    lane.recorded(1).later(3_000).finish(1);
    expect(nextWakeMs(lane.state)).toBe(Number.POSITIVE_INFINITY);
  });
});

it('changes nothing when it is woken too early', () => {
  const lane = new ScriptedLane().arrive({ seq: 1 }).finish(1, { ...retryable, retryAfterMs: 7_000 });
  expect(lane.later(6_999).effects).toEqual([]);
  expect(lane.later(1).begun).toEqual([1]);
});

it('gives the same effects for the same inputs', () => {
  const play = () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }, { seq: 2 }).end(1, retryable);
    return [...lane.effects, ...lane.end(2, retryable).effects];
  };
  expect(play()).toEqual(play());
});

it('asks for what waits when the adapter stops and starts again', () => {
  const lane = new ScriptedLane()
    .handle({ kind: 'runtime_changed', runtime: { kind: 'not_ready' } })
    .arrive({ seq: 1 });
  expect(lane.begun).toEqual([]);
  expect(lane.ready().begun).toEqual([1]);
});

import { describe, expect, it } from 'vitest';
import { heldBy, laneHeldBy } from './dispatch.ts';
import { failure, paused, retryable, ScriptedLane } from './scripted-lane.fixture.ts';

const key = 'process-7';

describe('a change of what holds the lane', () => {
  it('is reported when the lane is closed off, and when it opens', () => {
    const lane = new ScriptedLane();
    expect(lane.breaker('open').isGateChanged).toBe(true);
    expect(lane.later(1_000).isGateChanged).toBe(false);
    expect(lane.breaker('half_open').isGateChanged).toBe(true);
  });

  it('is reported when another reason takes the place of the first', () => {
    const lane = new ScriptedLane().breaker('open');
    expect(lane.handle(paused).isGateChanged).toBe(true);
    expect(lane.handle({ kind: 'resumed' }).isGateChanged).toBe(true);
  });

  it('is reported once, however often the system asks for less', () => {
    const throttled = { kind: 'throttled', failure, retryAfterMs: 1_000 } as const;
    const lane = new ScriptedLane({ runtime: { concurrency: 2 } }).arrive({ seq: 1 }, { seq: 2 }, { seq: 3 });
    expect(lane.end(1, throttled).isGateChanged).toBe(true);
    expect(lane.end(2, throttled).isGateChanged).toBe(false);
  });

  it('is reported when a half-open breaker has sent its one delivery', () => {
    const lane = new ScriptedLane().breaker('open').breaker('half_open');
    expect(lane.arrive({ seq: 1 }).isGateChanged).toBe(true);
    expect(laneHeldBy(lane.state, lane.nowMs)).toBe('breaker');
  });
});

it('lets no probe begin before the attempts from before have ended', () => {
  const lane = new ScriptedLane().arrive({ seq: 1 }, { seq: 2 }).breaker('open').arrive({ seq: 3 });
  expect(lane.breaker('half_open').begun).toEqual([]);
  expect(lane.end(1, retryable).begun).toEqual([]);
  expect(lane.end(2, retryable).begun).toEqual([3]);
});

describe('what holds it now', () => {
  it('names the reason that an operator would look at first', () => {
    const lane = new ScriptedLane({ runtime: 'not_ready' }).breaker('open').handle(paused);
    expect(laneHeldBy(lane.state, lane.nowMs)).toBe('not_ready');
    expect(laneHeldBy(lane.ready().state, lane.nowMs)).toBe('paused');
    expect(laneHeldBy(lane.handle({ kind: 'resumed' }).state, lane.nowMs)).toBe('breaker');
    expect(laneHeldBy(lane.breaker('half_open').state, lane.nowMs)).toBeUndefined();
  });

  it('is nothing for a delivery that runs, also while the lane is closed off', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).breaker('open');
    expect(heldBy(lane.state, { seq: 1, key: '' }, lane.nowMs)).toBeUndefined();
    lane.end(1);
    expect(heldBy(lane.state, { seq: 1, key: '' }, lane.nowMs)).toBeUndefined();
    expect(heldBy(lane.state, { seq: 2, key: '' }, lane.nowMs)).toBe('breaker');
  });

  it('is the key while code of it runs past its deadline', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key }, { seq: 2, key }).later(10_000).recorded(1);
    expect(heldBy(lane.state, { seq: 2, key }, lane.nowMs)).toBe('key');
    expect(heldBy(lane.state, { seq: 3, key: 'other' }, lane.nowMs)).toBeUndefined();
    lane.end(1);
    expect(heldBy(lane.state, { seq: 2, key }, lane.nowMs)).toBeUndefined();
  });
});

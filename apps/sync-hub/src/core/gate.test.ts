import { describe, expect, it } from 'vitest';
import { failure, retryable, ScriptedLane } from '../../sim/scripted-lane.ts';
import { deliveryHeldBy, laneHeldBy } from './gate.ts';

const key = 'process-7';
const paused = { kind: 'paused', cause: { kind: 'operator', reason: 'maintenance' } } as const;

describe('telling what holds a delivery', () => {
  it('tells what waits when the lane is closed off, and what comes then', () => {
    const lane = new ScriptedLane({ runtime: { concurrency: 1 } }).arrive({ seq: 1 }, { seq: 2 });
    expect(lane.breaker('open').held).toEqual(['2: breaker']);
    expect(lane.arrive({ seq: 3, key }, { seq: 4, key }).held).toEqual(['3: breaker', '4: breaker']);
  });

  it('tells a reason once, and again when it becomes another', () => {
    const lane = new ScriptedLane().breaker('open').arrive({ seq: 1 });
    expect(lane.held).toEqual(['1: breaker']);
    expect(lane.later(1_000).held).toEqual([]);
    expect(lane.take(paused).held).toEqual(['1: paused']);
    expect(lane.take({ kind: 'resumed' }).held).toEqual(['1: breaker']);
  });

  it('tells it anew after an attempt', () => {
    const lane = new ScriptedLane().take(paused).arrive({ seq: 1 });
    expect(lane.held).toEqual(['1: paused']);
    lane.take({ kind: 'resumed' }).take(paused).end(1, { kind: 'misconfigured', failure });
    expect(lane.recorded(1).held).toEqual(['1: paused']);
  });

  it('tells those behind a delivery that waits for its retry', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key }, { seq: 2, key });
    expect(lane.held).toEqual([]);
    expect(lane.finish(1, retryable).held).toEqual(['2: key']);
    expect(lane.arrive({ seq: 3, key }).held).toEqual(['3: key']);
    expect(lane.later(500).finish(1, retryable).held).toEqual([]);
  });

  it('tells a retry that comes due while the lane is closed off', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).finish(1, retryable).breaker('open');
    expect(lane.held).toEqual([]);
    expect(lane.later(500).held).toEqual(['1: breaker']);
  });

  it('tells what waits that the adapter is throttled, once however often it says so', () => {
    const throttled = { kind: 'throttled', failure, retryAfterMs: 1_000 } as const;
    const lane = new ScriptedLane({ runtime: { concurrency: 2 } }).arrive({ seq: 1 }, { seq: 2 }, { seq: 3 });
    expect(lane.end(1, throttled).held).toEqual(['3: throttled']);
    expect(lane.end(2, throttled).held).toEqual([]);
  });

  it('tells what comes before the adapter is ready', () => {
    expect(new ScriptedLane({ runtime: 'not_ready' }).arrive({ seq: 1 }).held).toEqual(['1: not_ready']);
  });

  it('lets no probe begin before the attempts from before have ended', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }, { seq: 2 }).breaker('open').arrive({ seq: 3 });
    expect(lane.breaker('half_open').begun).toEqual([]);
    expect(lane.end(1, retryable).begun).toEqual([]);
    expect(lane.end(2, retryable).begun).toEqual([3]);
  });

  it('tells what comes while half-open tries another', () => {
    const lane = new ScriptedLane().breaker('open').arrive({ seq: 1 }).breaker('half_open');
    expect(lane.arrive({ seq: 2 }).held).toEqual(['2: breaker']);
  });
});

describe('what holds it now', () => {
  it('names the reason that a person would look at first', () => {
    const lane = new ScriptedLane({ runtime: 'not_ready' }).breaker('open').take(paused);
    expect(laneHeldBy(lane.state, lane.nowMs)).toBe('not_ready');
    expect(laneHeldBy(lane.ready().state, lane.nowMs)).toBe('paused');
    expect(laneHeldBy(lane.take({ kind: 'resumed' }).state, lane.nowMs)).toBe('breaker');
    expect(laneHeldBy(lane.breaker('half_open').state, lane.nowMs)).toBeUndefined();
  });

  it('is nothing for a delivery that runs, is due or waits for its own retry', () => {
    const lane = new ScriptedLane({ runtime: { concurrency: 1 } }).arrive({ seq: 1 }, { seq: 2 }, { seq: 3, key });
    lane.finish(1, retryable);
    const held = [...lane.state.deliveries.values()].map((one) => deliveryHeldBy(lane.state, one, lane.nowMs));
    expect(held).toEqual([undefined, undefined, undefined]);
  });
});

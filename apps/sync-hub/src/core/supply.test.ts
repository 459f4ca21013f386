import { describe, expect, it } from 'vitest';
import { retryable, ScriptedLane, type Sketch } from './scripted-lane.fixture.ts';
import { nextWakeMs } from './step.ts';

const rules = { prefetch: { deliveries: 4, bytes: 1_000 } };
const shut = { rules, runtime: 'not_ready' } as const;
const many = (count: number, fromSeq = 1): Sketch[] =>
  Array.from({ length: count }, (_, index) => ({ seq: fromSeq + index }));

describe('what a lane holds in memory', () => {
  it('is what runs and a few more, however much waits in the journal', () => {
    const lane = new ScriptedLane({ ...shut, stored: many(100) });
    expect(lane.state.deliveries.size).toBe(4);
    lane.ready({ concurrency: 8 });
    expect(lane.running).toHaveLength(8);
    expect(lane.state.deliveries.size).toBeLessThanOrEqual(12);
  });

  it('is bounded by its payload, and one that is larger than that still goes', () => {
    const stored = [
      { seq: 1, bytes: 5_000 },
      { seq: 2, bytes: 600 },
      { seq: 3, bytes: 600 },
    ];
    const lane = new ScriptedLane({ ...shut, stored: [] }).arrive(...stored);
    expect([...lane.state.deliveries.keys()]).toEqual([1]);
    lane.ready({ concurrency: 1 });
    expect(lane.begun).toEqual([1]);
    expect([...lane.finish(1).begun, ...lane.finish(2).begun]).toEqual([2, 3]);
  });

  it('is read again once half of it is used, from where it was read to', () => {
    const lane = new ScriptedLane({ ...shut, stored: many(10) }).ready({ concurrency: 1 });
    expect(lane.reads).toEqual([]);
    expect(lane.finish(1).reads).toMatchObject([{ after: { seq: 4 }, limit: 2 }]);
    const begun = Array.from({ length: 9 }, (_, index) => lane.finish(index + 2).begun);
    expect(begun).toEqual([[3], [4], [5], [6], [7], [8], [9], [10], []]);
    expect(lane.state.supply.isMore).toBe(false);
  });
});

describe('what becomes ready', () => {
  it('is taken as it comes while nothing waits in the journal', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 });
    expect([lane.begun, lane.reads]).toEqual([[1], []]);
  });

  it('waits behind what became ready before it', () => {
    const lane = new ScriptedLane({ ...shut }).arrive(...many(6)).arrive({ seq: 7 });
    expect([...lane.state.deliveries.keys()]).toEqual([1, 2, 3, 4]);
    lane.ready({ concurrency: 1 });
    const begun = Array.from({ length: 6 }, (_, index) => lane.finish(index + 1).begun[0]);
    expect(begun).toEqual([2, 3, 4, 5, 6, 7]);
  });

  it('waits behind a retry that has come due, though the timer is late', () => {
    const lane = new ScriptedLane({ rules, runtime: { concurrency: 1 } }).arrive({ seq: 1 });
    lane.finish(1, { ...retryable, retryAfterMs: 1_000 });
    lane.nowMs += 2_000;
    expect(lane.arrive({ seq: 2 }).begun).toEqual([1]);
    expect(lane.finish(1).begun).toEqual([2]);
  });

  it('is not taken twice when a page brings it that was asked for before', () => {
    const lane = new ScriptedLane({ ...shut, stored: many(2) });
    lane.isJournalSlow = true;
    lane.commit({ isMore: true });
    expect(lane.arrive({ seq: 3 }).state.deliveries.size).toBe(2);
    expect([...lane.answer().state.deliveries.keys()]).toEqual([1, 2, 3]);
  });

  it('is read when something is there that was not accepted here', () => {
    const lane = new ScriptedLane();
    lane.commit({ isMore: true });
    expect(lane.reads).toHaveLength(1);
  });
});

describe('a delivery that is not due', () => {
  it('is read when its time has come, by one timer for all', () => {
    const stored = [
      { seq: 1, inMs: 5_000 },
      { seq: 2, inMs: 3_000 },
    ];
    const lane = new ScriptedLane({ stored });
    expect(nextWakeMs(lane.state) - lane.nowMs).toBe(3_000);
    expect(lane.later(3_000).begun).toEqual([2]);
    expect(nextWakeMs(lane.state) - lane.nowMs).toBe(2_000);
    expect(lane.finish(2).later(2_000).begun).toEqual([1]);
  });
});

it('skips what the adapter does not accept, and reads on behind it', () => {
  const stored = [...many(6).map((sketch) => ({ ...sketch, type: 'Other' })), { seq: 7 }];
  const lane = new ScriptedLane({ rules, runtime: 'not_ready', stored });
  lane.ready({ accepts: new Set(['ProcessUpdated']) });
  expect(lane.records.map(({ event, state }) => `${event.seq}: ${state}`)).toEqual(
    [1, 2, 3, 4, 5, 6].map((seq) => `${seq}: skipped`),
  );
  expect(lane.begun).toEqual([7]);
});

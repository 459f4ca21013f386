import { describe, expect, it } from 'vitest';
import { retryable, ScriptedLane } from './scripted-lane.fixture.ts';

const key = 'process-7';

function discarded(lane: ScriptedLane) {
  return lane.effects.filter((effect) => effect.kind === 'discard').map(({ seq }) => seq);
}

describe('what an operator discards', () => {
  it('is discarded by the journal wherever it waits, with the reason, and never attempted', () => {
    const lane = new ScriptedLane({ runtime: { concurrency: 1 } }).arrive({ seq: 1 }, { seq: 2 }, { seq: 3 });
    lane.finish(1, { ...retryable, retryAfterMs: 60_000 }).discard(1, 3);
    expect(discarded(lane)).toEqual([1, 3]);
    expect(lane.effects[0]).toMatchObject({ reason: 'sent by mistake' });
    lane.finish(2);
    expect(lane.later(60_000).begun).toEqual([]);
    expect(lane.state.deliveries.size).toBe(0);
    expect(lane.state.withheld.size).toBe(0);
  });

  it('is not begun before the journal has answered, though a page brings it that was read before', () => {
    const lane = new ScriptedLane({ runtime: 'not_ready' });
    lane.isJournalSlow = true;
    lane.commit({ isMore: true, nextDueAtMs: 0 });
    lane.arrive({ seq: 1 }, { seq: 2 });
    const state = lane.state;
    state.withheld.set(1, 1);
    expect(lane.answer().ready().begun).toEqual([2]);
  });

  it('is not begun after the answer either, though a commit from before it handed it out meanwhile', () => {
    const lane = new ScriptedLane();
    lane.isJournalSlow = true;
    lane.discard(1).arrive({ seq: 1 });
    expect(lane.begun).toEqual([]);
    expect(lane.answer().begun).toEqual([]);
    expect(lane.state.withheld.size).toBe(0);
  });

  it('leaves its key to the next of it', () => {
    const lane = new ScriptedLane({ runtime: 'not_ready' }).arrive({ seq: 1, key }, { seq: 2, key }).discard(1);
    expect(lane.ready().begun).toEqual([2]);
  });

  it('is left alone when its attempt runs, or its outcome is on the way to the disk', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }, { seq: 2 }).end(2).discard(1, 2);
    expect(lane.effects).toEqual([]);
  });

  it('is left alone while its code runs past its deadline', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).later(10_000).recorded(1);
    expect(discarded(lane.discard(1))).toEqual([]);
  });
});

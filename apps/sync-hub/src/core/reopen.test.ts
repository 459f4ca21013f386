import { describe, expect, it } from 'vitest';
import { readyDelivery, retryable, ScriptedLane } from './scripted-lane.fixture.ts';

const key = 'process-7';
const permanent = { kind: 'permanent', failure: retryable.failure } as const;

/** What the lane gave back by what the test did last. */
function givenBack(lane: ScriptedLane) {
  return lane.effects.filter((effect) => effect.kind === 'give_back').map(({ seq }) => seq);
}

describe('a dead letter that is open again', () => {
  it('is attempted in a new cycle, and says that it may have taken effect', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).finish(1, permanent).reopen({ seq: 1 });
    expect(lane.effects).toMatchObject([{ kind: 'attempt', event: { seq: 1 }, number: 1, redelivered: true }]);
  });

  it('waits for the outcome of a later one of its key that runs, and takes precedence when that failed', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key }, { seq: 2, key }).finish(1, permanent);
    expect(lane.running).toEqual([2]);
    lane.reopen({ seq: 1, key });
    expect([givenBack(lane), lane.begun]).toEqual([[], []]);
    expect(lane.finish(2, { ...retryable, retryAfterMs: 5_000 }).begun).toEqual([1]);
    expect(lane.finish(1).begun).toEqual([]);
    expect(lane.later(5_000).begun).toEqual([2]);
  });

  it('takes precedence over a later one of its key whose attempt turned out not to have run', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key }, { seq: 2, key }).finish(1, permanent);
    lane.reopen({ seq: 1, key });
    expect(givenBack(lane.end(2, { kind: 'not_run' }))).toEqual([2]);
    expect(lane.wake().begun).toEqual([1]);
    expect(lane.finish(1).begun).toEqual([2]);
  });

  it('takes precedence over a later one of its key that waits for its retry', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key }, { seq: 2, key }).finish(1, permanent);
    lane.finish(2, { ...retryable, retryAfterMs: 5_000 }).reopen({ seq: 1, key });
    expect([givenBack(lane), lane.begun]).toEqual([[2], [1]]);
    expect(lane.finish(1).begun).toEqual([]);
    expect(lane.later(5_000).begun).toEqual([2]);
  });

  it('takes precedence over a later one of its key that could begin with the same commit', () => {
    const throttled = { kind: 'throttled', failure: retryable.failure, retryAfterMs: 1_000 } as const;
    const lane = new ScriptedLane().arrive({ seq: 1, key }).finish(1, permanent).arrive({ seq: 2 }).end(2, throttled);
    expect(lane.arrive({ seq: 3, key }).begun).toEqual([]);
    lane.nowMs += 1_000;
    lane.commit({ recorded: [2], reopenedBefore: [3] });
    expect(lane.effects.map(({ kind }) => kind)).toContainEqual('give_back');
  });

  it('takes precedence over a later one of its key that has not begun', () => {
    const lane = new ScriptedLane()
      .arrive({ seq: 1, key })
      .finish(1, permanent)
      .breaker('open')
      .arrive({ seq: 2, key });
    expect(givenBack(lane.reopen({ seq: 1, key }))).toEqual([2]);
    expect(lane.breaker('closed').begun).toEqual([1]);
    expect(lane.finish(1).begun).toEqual([2]);
  });

  it('waits for a later one of its key that an earlier process may have attempted', () => {
    const stored = [{ seq: 2, key, mayHaveRun: true }];
    const lane = new ScriptedLane({ stored, runtime: 'not_ready' });
    expect(givenBack(lane.reopen({ seq: 1, key }))).toEqual([]);
    expect(lane.ready().begun).toEqual([2]);
  });

  it('waits while code of a later one of its key runs past its deadline, and then takes precedence', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key }, { seq: 2, key }).finish(1, permanent).later(10_000);
    lane.recorded(2).later(60_000).reopen({ seq: 1, key });
    expect([givenBack(lane), lane.begun]).toEqual([[2], []]);
    expect(lane.end(2).begun).toEqual([1]);
    expect(lane.finish(1).begun).toEqual([2]);
  });

  it('waits for the code of its last attempt, which ran out of time and owns the key', () => {
    const rules = { retry: { baseMs: 1, capMs: 1, maxAttempts: 1 } };
    const lane = new ScriptedLane({ rules }).arrive({ seq: 1 }).later(10_000).recorded(1);
    expect(lane.reopen({ seq: 1 }).begun).toEqual([]);
    expect(lane.end(1).begun).toEqual([1]);
    expect(lane.effects).toMatchObject([{ kind: 'attempt', number: 1, redelivered: true }]);
  });

  it('takes precedence over a later one of its key that another had been given back for, and that is the head again', () => {
    const lane = new ScriptedLane({ runtime: 'not_ready' }).arrive({ seq: 3, key });
    lane.isJournalSlow = true;
    lane.commit({ reopenedBefore: [3] }).commit({ reopenedBefore: [3] });
    expect(givenBack(lane)).toEqual([3]);
    lane.ready().handle({ kind: 'answered', seq: 3, head: readyDelivery({ seq: 3, key }) });
    expect(lane.begun).toEqual([]);
    expect(lane.handle({ kind: 'answered', seq: 3, head: readyDelivery({ seq: 3, key }) }).begun).toEqual([3]);
  });

  it('takes its turn when the later one is handed out again', () => {
    const lane = new ScriptedLane({ runtime: 'not_ready' }).arrive({ seq: 2, key });
    lane.commit({ reopenedBefore: [2] });
    // Nothing older is open after all: the same one is the head again, and not lost.
    expect(givenBack(lane)).toEqual([2]);
    expect(lane.ready().begun).toEqual([2]);
  });
});

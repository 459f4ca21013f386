import { describe, expect, it } from 'vitest';
import { openDelivery, retryable, ScriptedLane } from '../../sim/scripted-lane.ts';

const key = 'process-7';

function discarded(lane: ScriptedLane) {
  return lane.records.filter(({ state }) => state === 'discarded').map(({ event }) => event.seq);
}

describe('what a person gives up', () => {
  it('is recorded with the reason wherever it waits, and never attempted', () => {
    const lane = new ScriptedLane({ runtime: { concurrency: 1 } }).arrive({ seq: 1 }, { seq: 2 }, { seq: 3 });
    lane.finish(1, { ...retryable, retryAfterMs: 60_000 }).discard(1, 3);
    expect(discarded(lane)).toEqual([1, 3]);
    expect(lane.records[0]).toMatchObject({ reason: 'sent by mistake', attempt: undefined, counts: { attempts: 1 } });
    lane.recorded(1).recorded(3).finish(2);
    expect(lane.later(60_000).begun).toEqual([]);
    expect(lane.state.deliveries.size).toBe(0);
  });

  it('keeps its key until that is on disk', () => {
    const lane = new ScriptedLane().take({ kind: 'paused', cause: { kind: 'operator', reason: 'maintenance' } });
    lane.arrive({ seq: 1, key }, { seq: 2, key }).discard(1).take({ kind: 'resumed' });
    expect(lane.begun).toEqual([]);
    expect(lane.recorded(1).begun).toEqual([2]);
  });

  it('leaves its line from the middle', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key }, { seq: 2, key }, { seq: 3, key }).discard(2);
    expect(lane.recorded(2).begun).toEqual([]);
    expect(lane.finish(1).begun).toEqual([3]);
  });

  it('lets none behind it pass while it is on the way to the disk', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key }, { seq: 2, key }, { seq: 3, key }).discard(2);
    expect(lane.finish(1).begun).toEqual([]);
    expect(lane.recorded(2).begun).toEqual([3]);
  });

  it('is left alone when its attempt runs, or its outcome is on the way to the disk', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }, { seq: 2 }).end(2).discard(1, 2);
    expect(lane.effects).toEqual([
      { kind: 'tell_kept', seq: 1 },
      { kind: 'tell_kept', seq: 2 },
    ]);
  });

  it('is looked up when it is not in the window: what was settled meanwhile is left alone', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).finish(1).discard(1);
    expect(lane.effects).toEqual([{ kind: 'look_up', id: 1, seq: 1 }]);
    const lookUp = { kind: 'look_up', id: 1, seq: 1 } as const;
    lane.take({ kind: 'looked_up', lookUp, delivery: undefined });
    expect(lane.effects).toEqual([{ kind: 'tell_kept', seq: 1 }]);
  });

  it('is recorded as the journal has it, and a page that was read before does not bring it back', () => {
    const lane = new ScriptedLane({ newestSeq: 2 });
    const { fetches } = lane;
    const lookUp = { kind: 'look_up', id: 1, seq: 1 } as const;
    lane.discard(1).take({ kind: 'looked_up', lookUp, delivery: openDelivery({ seq: 1, counts: { attempts: 4 } }) });
    expect(lane.records).toMatchObject([{ state: 'discarded', counts: { attempts: 4 } }]);
    lane.recorded(1).fetched([{ seq: 1 }, { seq: 2 }], { scannedToSeq: 2, fetch: fetches[0] });
    expect(lane.begun).toEqual([2]);
    expect(lane.state.fetches.left.size).toBe(0);
  });

  it('takes its place before others of its key when a page brings it first', () => {
    const lane = new ScriptedLane({ newestSeq: 2 });
    const { fetches } = lane;
    lane.discard(1).fetched(
      [
        { seq: 1, key },
        { seq: 2, key },
      ],
      { scannedToSeq: 2, fetch: fetches[0] },
    );
    expect([discarded(lane), lane.begun]).toEqual([[1], []]);
    const lookUp = { kind: 'look_up', id: 1, seq: 1 } as const;
    expect(lane.take({ kind: 'looked_up', lookUp, delivery: openDelivery({ seq: 1, key }) }).effects).toEqual([]);
    expect(lane.recorded(1).begun).toEqual([2]);
  });
});

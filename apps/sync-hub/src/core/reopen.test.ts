import { describe, expect, it } from 'vitest';
import { openDelivery, retryable, ScriptedLane } from '../../sim/scripted-lane.ts';
import { isRecording } from './outside.ts';

const key = 'process-7';
const permanent = { kind: 'permanent', failure: retryable.failure } as const;
const small = { deliveries: 2, bytes: 1_000_000, deliveriesPerKey: 2 };

describe('a dead letter that is open again', () => {
  it('is attempted in a new cycle, and says that it may have taken effect', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 }).finish(1, permanent).reopen({ seq: 1 });
    expect(lane.effects).toMatchObject([{ kind: 'attempt', event: { seq: 1 }, number: 1, redelivered: true }]);
  });

  it('goes before those of its key that wait, and behind the one that runs when it may follow that', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key }, { seq: 2, key }, { seq: 3, key }).finish(1, permanent);
    expect(lane.reopen({ seq: 1, key }, { mayFollowNewer: true }).begun).toEqual([]);
    expect(lane.fetches).toMatchObject([{ of: { kind: 'overflow', key, upToSeq: 3 }, afterSeq: 0, repeats: true }]);
    const page = lane.fetches[0];
    lane.fetched(
      [
        { seq: 1, key },
        { seq: 2, key },
        { seq: 3, key },
      ],
      { scannedToSeq: 3, fetch: page },
    );
    expect(lane.finish(2).begun).toEqual([1]);
    expect(lane.finish(1).begun).toEqual([3]);
  });

  it('goes before one of its key that waits for its retry', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key }, { seq: 2, key }).finish(1, permanent);
    lane.finish(2, { ...retryable, retryAfterMs: 5_000 }).reopen({ seq: 1, key });
    const again = { seq: 2, key, delayMs: 5_000, counts: { attempts: 1, spent: 1 } };
    expect(lane.fetched([{ seq: 1, key }, again], { scannedToSeq: 2 }).begun).toEqual([1]);
    expect(lane.finish(1).begun).toEqual([]);
    expect(lane.later(5_000).begun).toEqual([2]);
  });

  it('goes before one of its key that ran when it was opened, and failed', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key }, { seq: 2, key }).finish(1, permanent);
    lane.reopen({ seq: 1, key }, { mayFollowNewer: true }).fetched(
      [
        { seq: 1, key },
        { seq: 2, key },
      ],
      { scannedToSeq: 2 },
    );
    expect(lane.finish(2, { ...retryable, retryAfterMs: 1 }).begun).toEqual([1]);
    expect(lane.fetches).toMatchObject([{ of: { kind: 'overflow', upToSeq: 2 }, afterSeq: 1 }]);
    expect(lane.fetched([{ seq: 2, key }], { scannedToSeq: 2 }).finish(1).begun).toEqual([2]);
  });

  it('waits for the code of its last attempt, which ran out of time and owns the key', () => {
    const rules = { retry: { baseMs: 1, capMs: 1, maxAttempts: 1 } };
    const lane = new ScriptedLane({ rules }).arrive({ seq: 1, key }, { seq: 2, key }).later(10_000).recorded(1);
    expect(lane.reopen({ seq: 1, key }).begun).toEqual([]);
    expect(lane.end(1).begun).toEqual([1]);
    expect(lane.effects).toMatchObject([{ kind: 'attempt', number: 1, redelivered: true }]);
    expect(lane.finish(1).begun).toEqual([2]);
  });

  it('comes with a later page when the window has no room, so that a million of them need none', () => {
    const lane = new ScriptedLane({ rules: { window: small } }).arrive({ seq: 1 }, { seq: 2 }, { seq: 3 });
    lane
      .finish(1, permanent)
      .fetched([{ seq: 3 }], { scannedToSeq: 3 })
      .reopen({ seq: 1 });
    expect([...lane.state.deliveries.keys()]).toEqual([2, 3]);
    expect(lane.fetches).toEqual([]);
    lane.finish(2);
    expect(lane.fetches).toMatchObject([{ of: { kind: 'passed_over', upToSeq: 1 }, afterSeq: 0 }]);
    expect(lane.fetched([{ seq: 1, counts: { cycle: 2 } }], { scannedToSeq: 1 }).begun).toEqual([1]);
    expect(lane.state.pass).toBeUndefined();
  });

  it('is not left out by a page of the backlog that was read before it was open', () => {
    const lane = new ScriptedLane({ newestSeq: 3 });
    const { fetches } = lane;
    lane.reopen({ seq: 2, key });
    lane.fetched([{ seq: 1 }, { seq: 3, key }], { scannedToSeq: 3, fetch: fetches[0] });
    expect(lane.begun).toEqual([1]);
    expect(lane.fetches).toMatchObject([{ of: { kind: 'backlog' }, afterSeq: 1 }]);
    lane.fetched(
      [
        { seq: 2, key, counts: { cycle: 2 } },
        { seq: 3, key },
      ],
      { scannedToSeq: 3 },
    );
    expect(lane.begun).toEqual([2]);
  });

  it('is not taken for what a page says that was read before it was settled', () => {
    const lane = new ScriptedLane({ rules: { window: small } }).arrive({ seq: 1 }, { seq: 2 }, { seq: 3 });
    lane
      .finish(1, permanent)
      .fetched([{ seq: 3 }], { scannedToSeq: 3 })
      .reopen({ seq: 1 })
      .finish(3);
    const { fetches } = lane;
    // The page was read while 2 was open; 2 is delivered before the page comes.
    lane.finish(2).fetched([{ seq: 1 }, { seq: 2 }], { scannedToSeq: 1, fetch: fetches[0] });
    expect(lane.begun).toEqual([1]);
  });
});

describe('a dead letter that is open again while a newer event of its key is on its way', () => {
  /** 1 is a dead letter of the key, 2 runs, 3 waits. */
  const followed = (options: ConstructorParameters<typeof ScriptedLane>[0] = {}) => {
    return new ScriptedLane(options).arrive({ seq: 1, key }, { seq: 2, key }, { seq: 3, key }).finish(1, permanent);
  };
  const notSent = [
    { event: { seq: 1 }, state: 'dead_lettered', attempt: undefined, counts: { cycle: 2, attempts: 0 } },
  ];

  it('is a dead letter again at once, without an attempt, and says why', () => {
    const lane = followed().reopen({ seq: 1, key });
    expect(lane.records).toMatchObject(notSent);
    expect(lane.records[0]?.reason).toContain('a newer event of its key was on its way');
    expect(isRecording(lane.state, 1)).toBe(true);
    expect(lane.recorded(1).effects).toEqual([]);
    expect(isRecording(lane.state, 1)).toBe(false);
    expect(lane.finish(2).begun).toEqual([3]);
    expect(lane.finish(3).state).toMatchObject({ unrecorded: 0, outside: new Map(), lines: new Map() });
  });

  it('is not sent either while the outcome of the newer one is on the way to the disk', () => {
    expect(followed().end(2).reopen({ seq: 1, key }).records).toMatchObject(notSent);
  });

  it('is not sent either while code of the newer one runs past its deadline', () => {
    expect(followed().later(10_000).reopen({ seq: 1, key }).records).toMatchObject(notSent);
  });

  it('is sent when the newer one waits for its retry, or never began', () => {
    const retrying = followed()
      .finish(2, { ...retryable, retryAfterMs: 5_000 })
      .reopen({ seq: 1, key });
    expect(retrying.records).toEqual([]);
    const held = followed({ runtime: { concurrency: 1 } });
    expect(held.finish(2).finish(3).arrive({ seq: 4 }, { seq: 5, key }).reopen({ seq: 1, key }).records).toEqual([]);
  });

  it('is sent when the one on its way is older, of another key, or has none', () => {
    const lane = new ScriptedLane().arrive(
      { seq: 1, key },
      { seq: 2, key },
      { seq: 3 },
      { seq: 4 },
      { seq: 5, key: 'other' },
    );
    expect(lane.finish(3, permanent).reopen({ seq: 3 }).begun).toEqual([3]);
    lane.finish(1, permanent).finish(2, permanent);
    expect(lane.reopen({ seq: 1, key }).begun).toEqual([1]);
    expect(lane.reopen({ seq: 2, key }).records).toEqual([]);
    lane.fetched([{ seq: 2, key }], { scannedToSeq: 2 });
    expect(lane.finish(1).begun).toEqual([2]);
  });

  it('is not brought back by a page that was read while it was open', () => {
    const lane = followed().reopen({ seq: 1, key }).reopen({ seq: 0, key }, { mayFollowNewer: true });
    const page = lane.fetches[0];
    lane.fetched(
      [0, 1, 2, 3].map((seq) => ({ seq, key })),
      { scannedToSeq: 3, fetch: page },
    );
    expect(lane.stateOf(1)).toBe('recording');
    // What comes behind it waits until it is settled on disk.
    expect(lane.finish(2).finish(0).begun).toEqual([]);
    expect(lane.recorded(1).begun).toEqual([3]);
  });

  it('is not brought back either by a page that comes after it was settled', () => {
    const lane = followed().reopen({ seq: 0, key }, { mayFollowNewer: true });
    const page = lane.fetches[0];
    lane.reopen({ seq: 1, key }).recorded(1);
    lane.fetched(
      [0, 1, 2, 3].map((seq) => ({ seq, key })),
      { scannedToSeq: 3, fetch: page },
    );
    expect(lane.stateOf(1)).toBeUndefined();
  });

  it('is left alone by whoever asked just before how it stands, to give it up', () => {
    const lane = followed().discard(1);
    const [lookUp] = lane.effects;
    if (lookUp?.kind !== 'look_up') throw new Error('nothing was looked up');
    expect(lane.reopen({ seq: 1, key }).effects).toMatchObject([{ kind: 'tell_kept', seq: 1 }, { kind: 'record' }]);
    const delivery = openDelivery({ seq: 1, key, counts: { cycle: 2 } });
    expect(lane.take({ kind: 'looked_up', lookUp, delivery }).effects).toEqual([]);
    expect(lane.discard(1).effects).toMatchObject([{ kind: 'tell_kept', seq: 1 }]);
  });
});

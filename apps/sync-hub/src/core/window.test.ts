import { describe, expect, it } from 'vitest';
import { delivered, ScriptedLane } from '../../sim/scripted-lane.ts';

const key = 'process-7';
const small = { deliveries: 4, bytes: 1_000_000, deliveriesPerKey: 4 };

describe('the bounds of the window', () => {
  it('takes no more deliveries than it may and leaves the rest in the journal', () => {
    const lane = new ScriptedLane({ rules: { window: small }, runtime: 'not_ready' });
    lane.arrive(...[1, 2, 3, 4, 5, 6].map((seq) => ({ seq })));
    expect([...lane.state.deliveries.keys()]).toEqual([1, 2, 3, 4]);
    expect(lane.fetches).toEqual([]);
  });

  it('takes no more payload than it may, but for the last delivery', () => {
    const lane = new ScriptedLane({ rules: { window: { ...small, bytes: 100 } }, runtime: 'not_ready' });
    lane.arrive({ seq: 1, bytes: 60 }, { seq: 2, bytes: 60 }, { seq: 3, bytes: 0 });
    expect([...lane.state.deliveries.keys()]).toEqual([1, 2]);
    expect(lane.state.windowBytes).toBe(120);
  });

  it('takes a delivery that is larger than the window when it has nothing else', () => {
    const lane = new ScriptedLane({ rules: { window: { ...small, bytes: 100 } } });
    expect(lane.arrive({ seq: 1, bytes: 5_000 }).begun).toEqual([1]);
    expect(lane.finish(1).state.windowBytes).toBe(0);
  });

  it('keeps no more of one key than its share, so that other keys find room', () => {
    const window = { ...small, deliveriesPerKey: 2 };
    const lane = new ScriptedLane({ rules: { window } });
    lane.arrive({ seq: 1, key }, { seq: 2, key }, { seq: 3, key }, { seq: 4, key: 'other' });
    expect([...lane.state.deliveries.keys()]).toEqual([1, 2, 4]);
    expect(lane.begun).toEqual([1, 4]);
  });

  it('keeps room for pages that are on their way', () => {
    const window = { ...small, deliveriesPerKey: 1 };
    const lane = new ScriptedLane({ rules: { window }, runtime: { concurrency: 1 } });
    lane.arrive({ seq: 1, key }, { seq: 2, key }, { seq: 3, key: 'a' }, { seq: 4, key: 'b' }, { seq: 5, key: 'c' });
    lane.finish(1);
    expect(lane.fetches).toMatchObject([{ of: { kind: 'overflow', key }, limit: 1 }]);
    const { fetches } = lane;
    lane.arrive({ seq: 6, key: 'd' }).fetched([{ seq: 2, key }], { scannedToSeq: 2, fetch: fetches[0] });
    expect([...lane.state.deliveries.keys()]).toEqual([3, 4, 5, 2]);
  });
});

describe('the backlog', () => {
  it('is read page by page, each after the one before, while new events arrive', () => {
    const lane = new ScriptedLane({ rules: { window: small }, newestSeq: 6 });
    expect(lane.fetches).toMatchObject([{ afterSeq: 0, limit: 4, of: { kind: 'backlog' } }]);
    const { fetches } = lane;
    expect(lane.arrive({ seq: 7 }).effects).toEqual([]);
    lane.fetched([{ seq: 2 }, { seq: 3 }, { seq: 4 }, { seq: 5 }], { scannedToSeq: 5, fetch: fetches[0] });
    expect(lane.begun).toEqual([2, 3, 4, 5]);
    expect(lane.finish(2).fetches).toEqual([]);
    expect(lane.finish(3).fetches).toMatchObject([{ afterSeq: 5, limit: 2 }]);
    expect(lane.fetched([{ seq: 6 }, { seq: 7 }], { scannedToSeq: 7 }).begun).toEqual([6, 7]);
    expect(lane.arrive({ seq: 8 }).begun).toEqual([]);
    expect(lane.finish(4).fetches).toEqual([]);
    expect(lane.finish(5).fetches).toMatchObject([{ afterSeq: 7 }]);
  });

  it('lets nothing that arrives overtake what it has not read, though there is room', () => {
    const lane = new ScriptedLane({ newestSeq: 1 });
    const { fetches } = lane;
    expect(lane.arrive({ seq: 2 }).begun).toEqual([]);
    expect(lane.fetched([{ seq: 1 }], { scannedToSeq: 1, fetch: fetches[0] }).begun).toEqual([1]);
    expect(lane.fetched([{ seq: 2 }], { scannedToSeq: 2 }).begun).toEqual([2]);
  });

  it('takes an event that a page had already brought only once', () => {
    const lane = new ScriptedLane({ newestSeq: 1 }).fetched([{ seq: 1 }, { seq: 2 }], { scannedToSeq: 2 });
    expect(lane.arrive({ seq: 2 }).begun).toEqual([]);
    expect(lane.arrive({ seq: 3 }).begun).toEqual([3]);
  });

  it('goes on after a page without deliveries', () => {
    const lane = new ScriptedLane({ newestSeq: 9 }).fetched([], { scannedToSeq: 9 });
    expect(lane.fetches).toEqual([]);
    expect(lane.arrive({ seq: 10 }).begun).toEqual([10]);
  });

  it('is read on while a part of the window waits for retries', () => {
    const window = { deliveries: 4_096, bytes: 1_000_000, deliveriesPerKey: 16 };
    const lane = new ScriptedLane({ rules: { window }, newestSeq: 9_999 });
    for (const page of [0, 1, 2]) {
      const waiting = Array.from({ length: 1_024 }, (_, index) => ({ seq: page * 1_024 + index + 1, delayMs: 60_000 }));
      lane.fetched(waiting, { scannedToSeq: (page + 1) * 1_024 });
    }
    expect(lane.fetched([{ seq: 3_073 }], { scannedToSeq: 3_073 }).begun).toEqual([3_073]);
    expect(lane.state.deliveries.size).toBe(3_073);
  });

  it('is left alone while draining', () => {
    const lane = new ScriptedLane({ runtime: 'not_ready' }).take({ kind: 'draining' });
    expect(lane.arrive({ seq: 1 }).ready().fetches).toEqual([]);
  });

  it('waits for a retry by the clock, but never longer than the longest wait there is', () => {
    const lane = new ScriptedLane({ newestSeq: 2 });
    const yearMs = 365 * 86_400_000;
    lane.fetched(
      [
        { seq: 1, delayMs: 2_000 },
        { seq: 2, delayMs: yearMs },
      ],
      { scannedToSeq: 2 },
    );
    expect(lane.later(1_999).begun).toEqual([]);
    expect(lane.later(1).begun).toEqual([1]);
    expect(lane.later(3_600_000 - 2_001).begun).toEqual([]);
    expect(lane.later(1).begun).toEqual([2]);
  });

  it('lets a retry whose time has passed go at once', () => {
    const lane = new ScriptedLane({ newestSeq: 1 }).fetched([{ seq: 1, delayMs: -86_400_000 }], { scannedToSeq: 1 });
    expect(lane.begun).toEqual([1]);
  });
});

describe('the overflow of a key', () => {
  const rules = { window: { ...small, deliveries: 8, deliveriesPerKey: 2 } };

  it('is fetched when half of its part is done, in order, and what arrives meanwhile comes behind it', () => {
    const lane = new ScriptedLane({ rules }).arrive(...[1, 2, 3, 4].map((seq) => ({ seq, key })));
    lane.finish(1);
    expect(lane.fetches).toMatchObject([{ afterSeq: 2, of: { kind: 'overflow', key, upToSeq: 4 }, limit: 1 }]);
    const { fetches } = lane;
    expect(lane.arrive({ seq: 5, key }).finish(2).begun).toEqual([]);
    lane.fetched([{ seq: 3, key }], { scannedToSeq: 3, fetch: fetches[0] });
    expect(lane.begun).toEqual([3]);
    expect(lane.fetches).toMatchObject([{ afterSeq: 3, of: { kind: 'overflow', key, upToSeq: 5 } }]);
    lane.fetched([{ seq: 4, key }], { scannedToSeq: 4 });
    expect(lane.finish(3).begun).toEqual([4]);
    expect(lane.fetched([{ seq: 5, key }], { scannedToSeq: 5 }).finish(4).begun).toEqual([5]);
    expect(lane.arrive({ seq: 6, key }).finish(5).begun).toEqual([6]);
    expect(lane.finish(6).state.lines.size).toBe(0);
  });

  it('ends when the journal has nothing of it any more', () => {
    const lane = new ScriptedLane({ rules }).arrive(...[1, 2, 3].map((seq) => ({ seq, key }))).finish(1);
    const { fetches } = lane;
    lane.finish(2).fetched([], { scannedToSeq: 3, fetch: fetches[0] });
    expect(lane.state.lines.size).toBe(0);
    expect(lane.arrive({ seq: 4, key }).begun).toEqual([4]);
  });

  it('takes in those behind a delivery that waits for its retry, when others need the room', () => {
    const window = { deliveries: 8, bytes: 1_000, deliveriesPerKey: 8 };
    const lane = new ScriptedLane({ rules: { window }, runtime: { concurrency: 4 } });
    lane.arrive(...[1, 2, 3, 4, 5, 6, 7, 8].map((seq) => ({ seq, key }))).arrive({ seq: 9, key: 'another' });
    expect(lane.begun).toEqual([]);
    const retryable = { kind: 'retryable', failure: { code: 'X', message: 'x' }, retryAfterMs: 60_000 } as const;
    lane.finish(1, retryable);
    expect([...lane.state.deliveries.keys()]).toEqual([1]);
    expect(lane.fetches).toMatchObject([{ afterSeq: 8, of: { kind: 'backlog' } }]);
    expect(lane.fetched([{ seq: 9, key: 'another' }], { scannedToSeq: 9 }).begun).toEqual([9]);
    lane.finish(9);
    // Another of the key goes behind those in the journal, not past them.
    expect(lane.arrive({ seq: 10, key }).begun).toEqual([]);
    lane.later(60_000).finish(1);
    expect(lane.fetches).toMatchObject([{ afterSeq: 1, of: { kind: 'overflow', key, upToSeq: 10 } }]);
  });

  it('takes in those behind code that does not return, too', () => {
    const window = { deliveries: 8, bytes: 1_000, deliveriesPerKey: 8 };
    const lane = new ScriptedLane({ rules: { window }, runtime: { concurrency: 4 } });
    lane.arrive(...[1, 2, 3, 4, 5, 6, 7, 8].map((seq) => ({ seq, key }))).later(10_000);
    expect(lane.held).toContain('8: key');
    expect([...lane.state.deliveries.keys()]).toEqual([1]);
    expect(lane.arrive({ seq: 9, key }, { seq: 10 }).begun).toEqual([10]);
    lane.recorded(1).later(500).end(1).finish(1);
    expect(lane.fetches).toMatchObject([{ of: { kind: 'overflow', key, upToSeq: 9 }, afterSeq: 1 }]);
  });

  it('is read again from what was opened again while a page was on its way that came to no use', () => {
    const window = { deliveries: 4, bytes: 1_000, deliveriesPerKey: 2 };
    const lane = new ScriptedLane({ rules: { window } });
    lane.arrive(...[1, 2, 3].map((seq) => ({ seq, key })), { seq: 4 }, { seq: 5 });
    lane.finish(1, { kind: 'permanent', failure: { code: 'X', message: 'x' } });
    const [page] = lane.fetches;
    expect(page).toMatchObject({ of: { kind: 'overflow', key, upToSeq: 3 }, afterSeq: 2 });
    // 2 runs, and 1 goes behind it; then 2 runs out of time, and others want the room that 3 would take.
    lane.reopen({ seq: 1, key }, { mayFollowNewer: true }).later(10_000).recorded(2);
    lane.fetched([{ seq: 3, key }], { scannedToSeq: 3, fetch: page });
    expect([...lane.state.deliveries.keys()]).toEqual([2, 4, 5]);
    expect(lane.end(2).fetches).toMatchObject([{ of: { kind: 'overflow', key, upToSeq: 3 }, afterSeq: 0 }]);
    expect(lane.fetched([{ seq: 1, key }], { scannedToSeq: 1 }).begun).toEqual([1]);
  });

  it('goes on with one at a time when others have filled the window', () => {
    const window = { deliveries: 2, bytes: 100, deliveriesPerKey: 1 };
    const lane = new ScriptedLane({ rules: { window } });
    lane.arrive({ seq: 1, key, bytes: 10 }, { seq: 2, key, bytes: 10 }, { seq: 3, bytes: 500 });
    lane.finish(1);
    expect(lane.fetches).toMatchObject([{ of: { kind: 'overflow', key }, limit: 1, limitBytes: 0 }]);
    expect(lane.fetched([{ seq: 2, key, bytes: 10 }], { scannedToSeq: 2 }).begun).toEqual([2]);
  });
});

describe('types that the adapter does not take', () => {
  const runtime = { accepts: new Set(['ProcessUpdated']) };

  it('are skipped without an attempt, also while the breaker is open', () => {
    const lane = new ScriptedLane({ runtime }).breaker('open').arrive({ seq: 1, type: 'Other' });
    expect(lane.records).toMatchObject([{ event: { seq: 1 }, state: 'skipped', counts: { attempts: 0 } }]);
    expect(lane.records[0]?.attempt).toBeUndefined();
    expect(lane.held).toEqual([]);
    expect(lane.recorded(1).state.deliveries.size).toBe(0);
  });

  it('keep their place in the order of their key', () => {
    const lane = new ScriptedLane({ runtime });
    lane.arrive({ seq: 1, key }, { seq: 2, key, type: 'Other' }, { seq: 3, key });
    expect(lane.finish(1).records).toMatchObject([{ event: { seq: 2 }, state: 'skipped' }]);
    expect(lane.begun).toEqual([]);
    expect(lane.recorded(2).begun).toEqual([3]);
  });

  it('wait until it is known what the adapter takes', () => {
    const lane = new ScriptedLane({ runtime: 'not_ready' }).arrive({ seq: 1, type: 'Other' });
    expect(lane.records).toEqual([]);
    expect(lane.ready(runtime).records).toMatchObject([{ state: 'skipped' }]);
  });
});

describe('another version of the adapter', () => {
  const ofOne = { accepts: new Set(['ProcessUpdated']) };

  it('is not given what it does not take, though that was ready or waits for its retry', () => {
    const lane = new ScriptedLane({ runtime: { concurrency: 1 } }).arrive({ seq: 1, type: 'Other', key });
    const retryable = { kind: 'retryable', failure: { code: 'X', message: 'x' }, retryAfterMs: 60_000 } as const;
    lane.finish(1, retryable).arrive({ seq: 2, key }, { seq: 3 }, { seq: 4, type: 'Other' }).ready(ofOne);
    expect(lane.records.map(({ event, state }) => `${event.seq}: ${state}`)).toEqual(['1: skipped', '4: skipped']);
    expect(lane.recorded(1).begun).toEqual([2]);
    expect(lane.recorded(4).later(60_000).begun).toEqual([]);
  });

  it('lets an attempt of the one before end with its own outcome', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, type: 'Other' }).ready(ofOne);
    expect(lane.end(1).records).toMatchObject([{ event: { seq: 1 }, state: 'delivered' }]);
  });

  it('does not get what failed with the one before, when it does not take it', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, type: 'Other' }).ready(ofOne);
    lane.end(1, { kind: 'retryable', failure: { code: 'X', message: 'x' }, retryAfterMs: 60_000 });
    expect(lane.recorded(1).records).toMatchObject([{ event: { seq: 1 }, state: 'skipped' }]);
  });
});

it('keeps nothing of what is settled', () => {
  const lane = new ScriptedLane().arrive({ seq: 1, key, bytes: 7 }, { seq: 2, bytes: 7 });
  lane.finish(1, delivered).finish(2, delivered);
  const { deliveries, lines, windowBytes, unrecorded, ready, scheduled } = lane.state;
  expect([deliveries.size, lines.size, windowBytes, unrecorded, ready.size, scheduled.size]).toEqual([
    0, 0, 0, 0, 0, 0,
  ]);
});

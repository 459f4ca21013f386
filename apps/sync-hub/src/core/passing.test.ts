import { describe, expect, it } from 'vitest';
import { crashed, openDelivery, retryable, ScriptedLane } from '../../sim/scripted-lane.ts';
import { DEFAULT_WINDOW } from './lane.ts';
import type { FetchEffect } from './lane-effect.ts';

const small = { deliveries: 2, bytes: 1_000_000, deliveriesPerKey: 2 };

/** A journal of open deliveries with keys of their own, behind a breaker that opens at every failure. */
class Poisoned {
  readonly lane: ScriptedLane;
  readonly #attempts = new Map<number, number>();
  readonly #bad: number;
  #pages: FetchEffect[] = [];
  readonly delivered: number[] = [];
  windowMax = 0;

  constructor(bad: number, { newestSeq, deliveries }: { newestSeq: number; deliveries: number }) {
    this.#bad = bad;
    const rules = { window: { ...DEFAULT_WINDOW, deliveries } };
    this.lane = new ScriptedLane({ rules, newestSeq, runtime: 'not_ready' });
    this.#see(this.lane.breaker('open'));
    this.#see(this.lane.ready());
    this.#answer(newestSeq);
  }

  /** The breaker lets one through; what it comes to is on disk a moment later. */
  probe(newestSeq: number): void {
    this.#see(this.lane.later(15_000));
    this.#see(this.lane.breaker('half_open'));
    const [seq] = this.lane.state.deliveries
      .values()
      .filter(({ state }) => state.kind === 'attempting')
      .map(({ event }) => event.seq);
    if (seq === undefined) throw new Error('nothing was let through');
    const isBad = seq <= this.#bad;
    this.#see(this.lane.breaker(isBad ? 'open' : 'closed').breaker('open'));
    this.#see(this.lane.end(seq, isBad ? retryable : { kind: 'delivered', receipt: '' }));
    this.#attempts.set(seq, (this.#attempts.get(seq) ?? 0) + 1);
    if (!isBad) this.delivered.push(seq);
    this.#see(this.lane.recorded(seq));
    this.#answer(newestSeq);
  }

  #see(lane: ScriptedLane): void {
    this.#pages.push(...lane.fetches);
    this.windowMax = Math.max(this.windowMax, lane.state.deliveries.size + lane.state.awaited.deliveries);
  }

  #answer(newestSeq: number): void {
    for (let page = this.#pages.shift(); page !== undefined; page = this.#pages.shift()) {
      const { of, afterSeq, limit } = page;
      const toSeq = of.kind === 'backlog' ? newestSeq : of.upToSeq;
      const open: number[] = [];
      let seq = afterSeq;
      while (seq < toSeq && open.length < limit) {
        seq += 1;
        if (!this.delivered.includes(seq)) open.push(seq);
      }
      const deliveries = open.map((one) => {
        const attempts = this.#attempts.get(one) ?? 0;
        return { delivery: openDelivery({ seq: one, key: `key-${one}`, counts: { attempts } }), delayMs: 0 };
      });
      this.#see(this.lane.take({ kind: 'fetched', fetch: page, deliveries, scannedToSeq: seq }));
    }
  }
}

describe('a window full of deliveries that always fail', () => {
  it('lets those through that were never tried, however many fail before them', () => {
    const bad = 300;
    const newestSeq = 320;
    const poisoned = new Poisoned(bad, { newestSeq, deliveries: 64 });
    let probes = 0;
    while (poisoned.delivered.length < newestSeq - bad) {
      poisoned.probe(newestSeq);
      probes += 1;
      if (probes > 3 * newestSeq) throw new Error(`after ${probes} probes ${poisoned.delivered.length} were delivered`);
    }
    expect(poisoned.windowMax).toBeLessThanOrEqual(64);
  });

  it('keeps those that failed in turn: all come back again and again', () => {
    const newestSeq = 40;
    const poisoned = new Poisoned(newestSeq, { newestSeq, deliveries: 8 });
    const tried = new Set<number>();
    for (let probe = 0; probe < 400; probe += 1) {
      poisoned.probe(newestSeq);
      for (const { event, counts } of poisoned.lane.state.deliveries.values()) {
        if (counts.attempts > 1) tried.add(event.seq);
      }
    }
    expect(tried.size).toBe(newestSeq);
  });
});

describe('a delivery that gave its place', () => {
  it('holds back what comes later with its key, and then goes before it', () => {
    const key = 'process-7';
    const lane = new ScriptedLane({ rules: { window: small }, runtime: { concurrency: 1 } });
    lane.arrive({ seq: 1, key }, { seq: 2 }, { seq: 3 });
    lane.finish(1, { ...retryable, retryAfterMs: 60_000 });
    expect([...lane.state.deliveries.keys()]).toEqual([2]);
    expect(lane.fetches).toMatchObject([{ of: { kind: 'backlog' }, afterSeq: 2 }]);
    lane.fetched([{ seq: 3 }], { scannedToSeq: 3 }).finish(2);
    const [passedOver] = lane.fetches;
    expect(passedOver).toMatchObject({ of: { kind: 'passed_over', upToSeq: 1 }, afterSeq: 0 });
    lane.finish(3);
    // What comes now is later than the one that gave its place, so it goes the same way.
    lane.arrive({ seq: 4, key });
    expect(lane.begun).toEqual([]);
    const again = { seq: 1, key, delayMs: 60_000, counts: { attempts: 1, spent: 1 } };
    lane.fetched([again, { seq: 4, key }], { scannedToSeq: 4, fetch: passedOver });
    expect(lane.begun).toEqual([]);
    expect(lane.later(60_000).begun).toEqual([1]);
    expect(lane.finish(1).begun).toEqual([4]);
  });
});

describe('a pass over what gave its place', () => {
  const key = 'process-7';
  const permanent = { kind: 'permanent', failure: retryable.failure } as const;
  const again = (seq: number) => ({ seq, key, delayMs: 60_000, counts: { attempts: 1, spent: 1 } });

  /** 1 of the key gave its place, and the page that brings it back is on its way. 3 runs. */
  function passing() {
    const lane = new ScriptedLane({ rules: { window: small }, runtime: { concurrency: 1 } });
    lane.arrive({ seq: 1, key }, { seq: 2 }, { seq: 3, key: 'late' });
    lane.finish(1, { ...retryable, retryAfterMs: 60_000 });
    const [page] = lane.fetched([{ seq: 3, key: 'late' }], { scannedToSeq: 3 }).finish(2).fetches;
    if (page?.of.kind !== 'passed_over') throw new Error('no pass was begun');
    return { lane, page };
  }

  it('also brings what is added to its keys meanwhile, so that a busy key does not wait from pass to pass', () => {
    const { lane, page } = passing();
    lane
      .finish(3)
      .arrive({ seq: 4, key })
      .fetched([again(1)], { scannedToSeq: 1, fetch: page });
    expect(lane.fetches).toMatchObject([{ of: { kind: 'passed_over', upToSeq: 4 }, afterSeq: 1 }]);
    expect(lane.state.passes).toBe(1);
  });

  it('is not made longer by what comes behind another that found no place since: that waits for the next', () => {
    const { lane, page } = passing();
    lane.finish(3, permanent).arrive({ seq: 4 }).reopen({ seq: 3, key: 'late' });
    expect(lane.finish(4).arrive({ seq: 5, key: 'late' }).begun).toEqual([]);
    lane.fetched([again(1)], { scannedToSeq: 1, fetch: page });
    expect(lane.fetches).toMatchObject([{ of: { kind: 'passed_over', upToSeq: 5 }, afterSeq: 2 }]);
  });
});

describe('a suspect', () => {
  it('keeps its place, for nobody else would know that it goes alone', () => {
    const lane = new ScriptedLane({ rules: { window: small } }).arrive({ seq: 1 }, { seq: 2 }, { seq: 3 });
    const both = { ...crashed, suspects: 2 };
    lane.end(1, both).end(2, both).recorded(1).recorded(2);
    expect([...lane.state.deliveries.keys()]).toEqual([1, 2]);
    expect(lane.later(60_000).begun).toHaveLength(1);
  });
});

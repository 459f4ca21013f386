import { describe, expect, it } from 'vitest';
import { DEFAULT_BREAKER } from '../core/breaker-policy.ts';
import { DEFAULT_PREFETCH } from '../core/lane-state.ts';
import type { Outcome } from '../core/outcome.ts';
import { delivered, failure, openLaneFixture, permanent, retryable, until } from './lane.fixture.ts';

const maintenance = { kind: 'operator', reason: 'maintenance' } as const;

describe('an operator who lets one delivery through', () => {
  it('sees exactly one go, and the breaker close when that is delivered', async () => {
    const fixture = await openLaneFixture({ breakerPolicy: { ...DEFAULT_BREAKER, resetTimeoutMs: 60_000 } });
    fixture.runtime.answer = async () => retryable;
    await fixture.start();
    await fixture.accept('a', 'b', 'c', 'd', 'e');
    await until(() => fixture.lane.health().breaker.condition === 'open' && fixture.records.length === 5);
    const attempted = fixture.runtime.ids.length;
    const answer = Promise.withResolvers<Outcome>();
    fixture.runtime.answer = () => answer.promise;
    const probed = await fixture.lane.probe();
    expect(fixture.runtime.ids.slice(attempted)).toEqual([probed?.id]);
    expect(fixture.lane.health().breaker.condition).toBe('half_open');
    fixture.runtime.answer = async () => delivered;
    answer.resolve(delivered);
    await fixture.settled();
    expect(fixture.conditions).toEqual(['closed', 'open', 'half_open', 'closed']);
  });

  it('sees what is ready go before what waits for its next attempt', async () => {
    const fixture = await openLaneFixture({
      breakerPolicy: { ...DEFAULT_BREAKER, resetTimeoutMs: 60_000 },
      retry: { baseMs: 60_000, capMs: 60_000, maxAttempts: 3 },
    });
    fixture.runtime.answer = async () => retryable;
    await fixture.start();
    await fixture.accept('a', 'b', 'c', 'd', 'e');
    await until(() => fixture.lane.health().breaker.condition === 'open' && fixture.records.length === 5);
    await fixture.accept('fresh');
    fixture.runtime.answer = async () => delivered;
    expect(await fixture.lane.probe()).toEqual({ id: 'fresh', source: 'hms-api' });
    await until(() => fixture.lane.health().breaker.condition === 'closed');
    expect(fixture.runtime.ids.slice(5)).toEqual(['fresh']);
  });

  it('sees one go that waits, though another runs that was due before it', async () => {
    const fixture = await openLaneFixture();
    fixture.runtime.answer = async ({ event }) =>
      event.id === 'waits' ? { ...retryable, retryAfterMs: 3_600_000 } : new Promise(() => undefined);
    await fixture.start();
    await fixture.accept('waits');
    await until(() => fixture.records.length === 1);
    await fixture.accept('runs');
    expect(await fixture.lane.probe()).toMatchObject({ id: 'waits' });
  });

  it('sees none go twice that is found in the commit by which it is delivered', async () => {
    const fixture = await openLaneFixture({ retry: { baseMs: 60_000, capMs: 60_000, maxAttempts: 3 } });
    fixture.runtime.answer = async () => retryable;
    await fixture.start();
    const [a] = await fixture.accept('a');
    await until(() => fixture.records.length === 1);
    fixture.journal.control.hold();
    const answer = Promise.withResolvers<Outcome>();
    fixture.runtime.answer = () => answer.promise;
    // The second look finds it as well, and is answered with its record.
    const first = fixture.lane.probe();
    fixture.journal.control.flush();
    expect(await first).toMatchObject({ id: 'a' });
    const second = fixture.lane.probe();
    answer.resolve(delivered);
    await until(() => fixture.journal.control.waiting >= 2);
    fixture.journal.control.release();
    expect(await second).toBeUndefined();
    await fixture.settled();
    expect(fixture.log).toEqual(['a: retrying', 'a: delivered']);
    expect([a?.id, ...fixture.runtime.ids]).toEqual(['a', 'a', 'a']);
  });

  it('sees exactly one go while the lane is paused', async () => {
    const fixture = await openLaneFixture();
    await fixture.start();
    fixture.lane.pause(maintenance);
    await fixture.accept('a', 'b');
    expect(await fixture.lane.probe()).toMatchObject({ id: 'a' });
    await until(() => fixture.records.length === 1);
    expect(fixture.runtime.ids).toEqual(['a']);
    expect(fixture.lane.health()).toMatchObject({ state: 'paused' });
    expect(await fixture.statistics()).toMatchObject({ unsettled: 1 });
  });

  it('sees one go that waits for its next attempt, when nothing is ready', async () => {
    const fixture = await openLaneFixture();
    fixture.runtime.answer = async () => ({ ...retryable, retryAfterMs: 3_600_000 });
    await fixture.start();
    await fixture.accept('a/k', 'b/k');
    await until(() => fixture.records.length === 1);
    fixture.runtime.answer = async () => delivered;
    expect(await fixture.lane.probe()).toMatchObject({ id: 'a/k' });
    await fixture.settled();
    expect(fixture.runtime.ids).toEqual(['a/k', 'a/k', 'b/k']);
  });

  it('learns when there is none: nothing waits, or the adapter does not run', async () => {
    const fixture = await openLaneFixture();
    await fixture.accept('a');
    expect(await fixture.lane.probe()).toBeUndefined();
    await fixture.start();
    await fixture.settled();
    expect(await fixture.lane.probe()).toBeUndefined();
  });
});

describe('an operator who discards deliveries', () => {
  it('gets how many, once that is on disk; what is settled or runs is left alone', async () => {
    const fixture = await openLaneFixture();
    fixture.runtime.answer = ({ event }) =>
      event.id === 'runs' ? new Promise(() => undefined) : Promise.resolve(delivered);
    await fixture.start();
    const before = await fixture.accept('runs', 'settled');
    await until(() => fixture.records.length === 1);
    fixture.lane.pause(maintenance);
    const after = await fixture.accept('waits', 'waits too');
    fixture.journal.control.hold();
    let count: number | undefined;
    const seqs = [...before, ...after].map(({ seq }) => seq);
    const discarding = fixture.lane.discard(seqs, 'sent by mistake').then((discarded) => {
      count = discarded;
    });
    await new Promise(setImmediate);
    expect(count).toBeUndefined();
    fixture.journal.control.release();
    await discarding;
    expect(count).toBe(2);
    expect(fixture.log).toEqual(['settled: delivered', 'waits: discarded', 'waits too: discarded']);
    expect(fixture.records[1]).toMatchObject({ reason: 'sent by mistake', attempts: 0, adapterVersion: '' });
    expect(await fixture.statistics()).toMatchObject({ unsettled: 1, deadLetters: 0 });
  });

  it('does not learn of one whose outcome is on the way to the disk, and sees none go that it discarded', async () => {
    const fixture = await openLaneFixture();
    fixture.runtime.answer = async () => retryable;
    await fixture.start();
    const [a] = await fixture.accept('a');
    fixture.journal.control.hold();
    await until(() => fixture.lane.health().inFlight === 0);
    expect(await fixture.lane.discard([a?.seq ?? 0], 'sent by mistake')).toBe(0);
    fixture.runtime.answer = async () => delivered;
    fixture.journal.control.release();
    await fixture.settled();
    expect(fixture.log).toEqual(['a: retrying', 'a: delivered']);
  });

  it('reaches what is only in the journal', async () => {
    const prefetch = { ...DEFAULT_PREFETCH, deliveries: 1 };
    const rules = { retry: { baseMs: 1, capMs: 20, maxAttempts: 3 }, maxCrashes: 3, prefetch };
    const fixture = await openLaneFixture({ rules });
    fixture.lane.pause(maintenance);
    await fixture.start();
    const [, b, c] = await fixture.accept('a', 'b', 'c');
    expect(await fixture.lane.discard([b?.seq ?? 0, c?.seq ?? 0], 'sent by mistake')).toBe(2);
    fixture.lane.resume();
    await fixture.settled();
    expect(fixture.runtime.ids).toEqual(['a']);
  });

  it('sees the next of the key go', async () => {
    const fixture = await openLaneFixture();
    fixture.lane.pause(maintenance);
    await fixture.start();
    const [a] = await fixture.accept('a/k', 'b/k');
    await fixture.lane.discard([a?.seq ?? 0], 'sent by mistake');
    fixture.lane.resume();
    await fixture.settled();
    expect(fixture.runtime.ids).toEqual(['b/k']);
  });

  it('settles dead letters as well', async () => {
    const fixture = await openLaneFixture();
    fixture.runtime.answer = async () => permanent;
    await fixture.start();
    const [a] = await fixture.accept('a');
    await until(() => fixture.records.length === 1);
    expect(await fixture.lane.discard([a?.seq ?? 0], 'obsolete')).toBe(1);
    expect(await fixture.statistics()).toMatchObject({ unsettled: 0, deadLetters: 0 });
  });

  it('may not discard more than 256 at once', async () => {
    const fixture = await openLaneFixture();
    const many = Array.from({ length: 257 }, (_, index) => index);
    await expect(fixture.lane.discard(many, 'sent by mistake')).rejects.toThrow('at most 256');
  });

  it('learns that nobody knows when the journal ended meanwhile', async () => {
    const fixture = await openLaneFixture();
    const [a] = await fixture.accept('a');
    await fixture.journal.close();
    await expect(fixture.lane.discard([a?.seq ?? 0], 'sent by mistake')).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

describe('a discard of what is handed to the lane at the same time', () => {
  /** A lane that works on another event, and reads `a` in the commit of which the discard of `a` is part as well. */
  it.each([
    ['before', ['read', 'discard']],
    ['after', ['discard', 'read']],
  ])('keeps it from being attempted when it was read %s it was discarded', async (_when, order) => {
    const fixture = await openLaneFixture();
    const [a, b] = await fixture.accept('a/k', 'b/k');
    fixture.journal.control.hold();
    let discarded: Promise<number> | undefined;
    for (const what of order) {
      if (what === 'read') await fixture.lane.start();
      else discarded = fixture.lane.discard([a?.seq ?? 0], 'sent by mistake');
    }
    fixture.journal.control.release();
    expect(await discarded).toBe(1);
    await fixture.settled();
    expect(fixture.runtime.ids).toEqual(['b/k']);
    expect(b && fixture.runtime.attempts[0]?.event.seq).toBe(b?.seq);
    expect(fixture.log).toEqual(['a/k: discarded', 'b/k: delivered']);
  });

  it('keeps it from being attempted when the outcome of the one before it of its key is on the way', async () => {
    const fixture = await openLaneFixture();
    await fixture.start();
    const answer = Promise.withResolvers<Outcome>();
    fixture.runtime.answer = () => answer.promise;
    const [, b] = await fixture.accept('a/k', 'b/k', 'c/k');
    fixture.journal.control.hold();
    answer.resolve(delivered);
    await until(() => fixture.journal.control.waiting === 1);
    const discarded = fixture.lane.discard([b?.seq ?? 0], 'sent by mistake');
    fixture.journal.control.release();
    expect(await discarded).toBe(1);
    await fixture.settled();
    expect(fixture.runtime.ids).toEqual(['a/k', 'c/k']);
  });

  it('is refused when its attempt began before the discard was asked for, and that in the same turn', async () => {
    const fixture = await openLaneFixture();
    await fixture.start();
    fixture.journal.control.hold();
    const accepted = fixture.accept('a');
    fixture.journal.control.write(1);
    fixture.journal.control.report();
    expect(fixture.runtime.ids).toEqual(['a']);
    expect(await fixture.lane.discard([1], 'sent by mistake')).toBe(0);
    fixture.journal.control.release();
    await accepted;
    await fixture.settled();
    expect(fixture.log).toEqual(['a: delivered']);
  });

  it('is done when it was asked for before the accept that hands it over was reported', async () => {
    const fixture = await openLaneFixture();
    await fixture.start();
    fixture.journal.control.hold();
    const accepted = fixture.accept('a');
    fixture.journal.control.write(1);
    const discarded = fixture.lane.discard([1], 'sent by mistake');
    fixture.journal.control.report();
    await accepted;
    expect(fixture.runtime.ids).toEqual([]);
    fixture.journal.control.release();
    expect(await discarded).toBe(1);
    expect(fixture.log).toEqual(['a: discarded']);
    expect(fixture.runtime.ids).toEqual([]);
  });
});

describe('a dead letter', () => {
  it('is delivered once it is replayed, and counted where it is', async () => {
    const fixture = await openLaneFixture();
    fixture.runtime.answer = async () => permanent;
    await fixture.start();
    await fixture.accept('a');
    await until(() => fixture.records.length === 1);
    expect(await fixture.statistics()).toMatchObject({ unsettled: 0, deadLetters: 1 });
    fixture.runtime.answer = async () => delivered;
    fixture.lane.pause(maintenance);
    await fixture.replay('a');
    expect(await fixture.statistics()).toMatchObject({ unsettled: 1, deadLetters: 0 });
    fixture.lane.resume();
    await until(() => fixture.records.length === 2);
    expect(fixture.runtime.attempts[1]).toMatchObject({ number: 1, redelivered: true });
    expect(await fixture.statistics()).toMatchObject({ unsettled: 0, deadLetters: 0 });
  });

  it('is one again when a newer event of its key was on its way and is delivered, and counted where it is', async () => {
    const fixture = await openLaneFixture();
    const newer = Promise.withResolvers<Outcome>();
    fixture.runtime.answer = async ({ event }) => (event.id === 'a/k' ? permanent : newer.promise);
    await fixture.start();
    await fixture.accept('a/k', 'b/k');
    await until(() => fixture.runtime.ids.includes('b/k'));
    await fixture.replay('a/k');
    expect(await fixture.statistics()).toMatchObject({ unsettled: 2, deadLetters: 0 });
    newer.resolve(delivered);
    await until(() => fixture.records.length === 3);
    expect(await fixture.statistics()).toMatchObject({ unsettled: 0, deadLetters: 1 });
    expect(fixture.records[2]).toMatchObject({ eventId: 'a/k', state: 'dead_lettered', cycle: 2, adapterVersion: '' });
    expect(fixture.records[2]?.reason).toContain('include_stale');
    expect(fixture.runtime.ids).toEqual(['a/k', 'b/k']);
  });

  it('holds its key over a restart until it is discarded, where the operator wants that', async () => {
    const before = await openLaneFixture({ onDeadLetter: 'hold' });
    before.runtime.answer = async () => permanent;
    await before.start();
    const [a] = await before.accept('a/k', 'b/k');
    await until(() => before.records.length === 1);
    expect(before.lane.health()).toMatchObject({ holdsKeys: true });
    const after = await openLaneFixture({ database: before.kill(), onDeadLetter: 'hold' });
    await after.start();
    await after.accept('c/k', 'd/other');
    await until(() => after.records.length === 1);
    expect(after.runtime.ids).toEqual(['d/other']);
    expect(await after.statistics()).toMatchObject({ unsettled: 2, deadLetters: 1, behindDeadLetters: 2 });
    expect(await after.lane.discard([a?.seq ?? 0], 'obsolete')).toBe(1);
    await after.settled();
    expect(after.runtime.attempts).toMatchObject([
      { event: { id: 'd/other' }, redelivered: false },
      { event: { id: 'b/k' }, redelivered: false },
      { event: { id: 'c/k' }, redelivered: false },
    ]);
    expect(await after.statistics()).toMatchObject({ deadLetters: 0 });
  });
});

describe('a lane that an operator paused', () => {
  it('is paused when the hub starts again', async () => {
    const before = await openLaneFixture();
    const pause = { reason: 'maintenance', sinceMs: 1_790_000_000_000 };
    await before.journal.saveLanePause({ adapter: 'billing', pause });
    const fixture = await openLaneFixture({ database: before.kill() });
    await fixture.start();
    await fixture.accept('a');
    expect(fixture.lane.health()).toMatchObject({ state: 'paused', reason: 'maintenance' });
    expect(fixture.runtime.ids).toEqual([]);
    fixture.lane.resume();
    await until(() => fixture.records.length === 1);
  });

  it('stays so when an attempt that ran shows a refused credential, and gives the reason of the operator', async () => {
    const fixture = await openLaneFixture();
    const { promise, resolve } = Promise.withResolvers<void>();
    fixture.runtime.answer = async () => promise.then(() => ({ kind: 'misconfigured', failure }));
    await fixture.start();
    await fixture.accept('a');
    fixture.lane.pause(maintenance);
    resolve();
    await until(() => fixture.records.length === 1);
    expect(fixture.lane.health()).toMatchObject({ state: 'paused', reason: 'maintenance' });
  });

  it('goes on after it paused itself, too, once an operator resumes it', async () => {
    const fixture = await openLaneFixture();
    fixture.runtime.answer = async () => ({ kind: 'misconfigured', failure });
    await fixture.start();
    await fixture.accept('a');
    await until(() => fixture.lane.health().state === 'paused');
    expect(fixture.lane.health().reason).toContain('then resume the adapter');
    fixture.runtime.answer = async () => delivered;
    await until(() => fixture.records.length === 1);
    fixture.lane.resume();
    await fixture.settled();
  });
});

describe('an operator who retries now', () => {
  it('ends waits that the external system named, and gets how many deliveries waited', async () => {
    const fixture = await openLaneFixture();
    fixture.runtime.answer = async () => ({ ...retryable, retryAfterMs: 3_600_000 });
    await fixture.start();
    await fixture.accept('a', 'b');
    await until(() => fixture.records.length === 2);
    fixture.runtime.answer = async () => delivered;
    expect(await fixture.lane.retryNow()).toBe(2);
    await fixture.settled();
    expect(await fixture.lane.retryNow()).toBe(0);
  });

  it('ends the wait of a throttled lane', async () => {
    const fixture = await openLaneFixture();
    fixture.runtime.answer = async () => ({ kind: 'throttled', failure, retryAfterMs: 3_600_000 });
    await fixture.start();
    await fixture.accept('a');
    await until(() => fixture.records.length === 1);
    expect(fixture.lane.health().throttledUntilMs).toBeGreaterThan(0);
    fixture.runtime.answer = async () => delivered;
    await fixture.lane.retryNow();
    expect(fixture.lane.health().throttledUntilMs).toBeUndefined();
    await fixture.settled();
  });

  it('lets one delivery through an open breaker, and all of them once that is delivered', async () => {
    const fixture = await openLaneFixture({ breakerPolicy: { ...DEFAULT_BREAKER, resetTimeoutMs: 60_000 } });
    fixture.runtime.answer = async () => retryable;
    await fixture.start();
    await fixture.accept('a', 'b', 'c', 'd', 'e');
    await until(() => fixture.lane.health().breaker.condition === 'open' && fixture.records.length === 5);
    fixture.runtime.answer = async () => delivered;
    await fixture.lane.retryNow();
    await fixture.settled();
    expect(fixture.conditions).toEqual(['closed', 'open', 'half_open', 'closed']);
  });
});

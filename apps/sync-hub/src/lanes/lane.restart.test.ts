import { describe, expect, it } from 'vitest';
import { DEFAULT_BREAKER } from '../core/breaker-policy.ts';
import type { Outcome } from '../core/outcome.ts';
import { flushed } from '../journal/suite/place.fixture.ts';
import { delivered, openLaneFixture, permanent, retryable, until } from './lane.fixture.ts';

describe('a hub that was killed', () => {
  it('delivers again what it had not recorded, in order, and says so of what may have run', async () => {
    const before = await openLaneFixture();
    await before.start();
    await before.accept('done');
    await before.settled();
    await before.accept('a/k', 'b/k', 'other');
    before.journal.control.hold();
    await until(() => before.runtime.ids.length === 3 && before.lane.health().inFlight === 0);
    const after = await openLaneFixture({ database: before.kill() });
    await after.start();
    await after.settled();
    await after.accept('c');
    await after.settled();
    expect(after.runtime.attempts).toMatchObject([
      { event: { id: 'a/k' }, number: 1, redelivered: true },
      { event: { id: 'other' }, number: 1, redelivered: true },
      // It waited behind another one of its key all the time.
      { event: { id: 'b/k' }, number: 1, redelivered: false },
      { event: { id: 'c' }, number: 1, redelivered: false },
    ]);
  });

  it('attempts nothing again of which the outcome is on disk, whether it was notified of that or not', async () => {
    const before = await openLaneFixture();
    before.runtime.answer = async ({ event }) => (event.id === 'dead/k' ? permanent : delivered);
    await before.start();
    await before.accept('a/k', 'dead/k');
    before.journal.control.hold();
    await until(() => before.journal.control.waiting === 1);
    before.journal.control.flush();
    await until(() => before.journal.control.waiting === 1);
    before.journal.control.write(1);
    expect(before.log).toEqual(['a/k: delivered']);
    const after = await openLaneFixture({ database: before.kill() });
    await after.start();
    await after.accept('b/k');
    await after.settled();
    expect(after.runtime.ids).toEqual(['b/k']);
    expect(await after.statistics()).toMatchObject({ unsettled: 0, deadLetters: 1 });
  });

  it('waits on with what waited for its next attempt, and says that it was attempted before', async () => {
    const before = await openLaneFixture();
    before.runtime.answer = async () => ({ ...retryable, retryAfterMs: 500 });
    await before.start();
    await before.accept('a/k', 'b/k');
    await until(() => before.records.length === 1);
    const [first] = before.records;
    const after = await openLaneFixture({ database: before.kill() });
    await after.start();
    expect(after.runtime.ids).toEqual([]);
    await after.settled();
    expect(after.runtime.attempts).toMatchObject([
      { event: { id: 'a/k' }, number: 2, redelivered: true },
      { event: { id: 'b/k' }, number: 1, redelivered: false },
    ]);
    expect(after.records[0]?.atMs).toBeGreaterThanOrEqual((first?.nextAttemptAtMs ?? 0) - 1);
  });

  it('continues with an open breaker, and with the attempts that it had counted', async () => {
    const before = await openLaneFixture({ breakerPolicy: { ...DEFAULT_BREAKER, resetTimeoutMs: 60_000 } });
    before.runtime.answer = async () => retryable;
    await before.start();
    await before.accept('a', 'b', 'c', 'd', 'e');
    await until(() => before.records.length === 5);
    await flushed(before.journal);
    const { cause } = before.lane.health().breaker;
    const after = await openLaneFixture({ database: before.kill() });
    await after.lane.start();
    expect(after.lane.health().breaker).toMatchObject({ condition: 'open', cause });
    await until(() => after.lane.health().breaker.condition === 'closed' && after.records.length >= 5);
    expect(after.conditions.slice(1)).toEqual(['open', 'half_open', 'closed']);
    expect(after.runtime.attempts.map(({ number }) => number)).toEqual([2, 2, 2, 2, 2]);
  });

  it('keeps nothing of a breaker that was closed', async () => {
    const before = await openLaneFixture();
    await before.start();
    const after = await openLaneFixture({ database: before.kill() });
    await after.start();
    expect(after.lane.health().breaker).toMatchObject({ condition: 'closed', cause: 'the hub started' });
  });
});

describe('a hub that stopped in order', () => {
  it('attempts what it was about to attempt, and nothing of it twice', async () => {
    const before = await openLaneFixture();
    const answer = Promise.withResolvers<Outcome>();
    before.runtime.answer = () => answer.promise;
    await before.start();
    await before.accept('a/k', 'b/k');
    const drained = before.lane.drain(60_000);
    answer.resolve(delivered);
    await drained;
    await before.close();
    const after = await openLaneFixture({ database: before.journal.database });
    await after.start();
    await after.settled();
    expect([before.runtime.ids, after.runtime.ids]).toEqual([['a/k'], ['b/k']]);
  });
});

import { describe, expect, it } from 'vitest';
import { DEFAULT_PREFETCH, type LaneRules } from '../core/lane-state.ts';
import type { Outcome } from '../core/outcome.ts';
import { delivered, failure, openLaneFixture, retryable, until } from './lane.fixture.ts';

describe('a lane', () => {
  it('delivers what is accepted and records it with all that operators ask about', async () => {
    const fixture = await openLaneFixture();
    await fixture.start();
    await fixture.accept('a');
    await until(() => fixture.records.length === 1);
    expect(fixture.runtime.attempts).toMatchObject([
      {
        event: { id: 'a' },
        idempotencyKey: 'a:billing:50F2F0D1392C6A17B679',
        number: 1,
        redelivered: false,
        timeoutMs: 10_000,
      },
    ]);
    expect(fixture.records).toMatchObject([
      { adapter: 'billing', adapterVersion: '1.0.0', state: 'delivered', attempts: 1, nextAttemptAtMs: 0 },
    ]);
    expect(fixture.lane.health()).toMatchObject({ state: 'ready', inFlight: 0 });
    expect(await fixture.statistics()).toMatchObject({ unsettled: 0, deadLetters: 0 });
  });

  it('ignores events that are for others', async () => {
    const fixture = await openLaneFixture();
    await fixture.start();
    await fixture.journal.setReceivers(['records']);
    await fixture.accept('other');
    await fixture.journal.setReceivers(['billing', 'records']);
    await fixture.accept('mine');
    await until(() => fixture.records.length === 1);
    expect(fixture.runtime.ids).toEqual(['mine']);
  });

  it('retries with the time that it recorded, in the order of the key', async () => {
    const fixture = await openLaneFixture();
    const answers: Outcome[] = [retryable, retryable];
    fixture.runtime.answer = async () => answers.shift() ?? { kind: 'delivered', receipt: 'r-1' };
    await fixture.start();
    await fixture.accept('a/k', 'b/k');
    await until(() => fixture.records.length === 4);
    expect(fixture.log).toEqual(['a/k: retrying', 'a/k: retrying', 'a/k: delivered', 'b/k: delivered']);
    const [first] = fixture.records;
    expect(first?.attempt).toMatchObject({ outcome: 'retryable', failure, receipt: '' });
    expect((first?.nextAttemptAtMs ?? 0) - (first?.atMs ?? 0)).toBeLessThanOrEqual(1);
  });

  it('takes what the operator set before what the adapter asks for', async () => {
    const fixture = await openLaneFixture({ delivery: { concurrency: 1, timeoutMs: 77 } });
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    fixture.runtime.answer = () => promise;
    await fixture.start();
    await fixture.accept('a', 'b');
    await until(() => fixture.runtime.attempts.length > 0);
    expect(fixture.runtime.attempts).toMatchObject([{ event: { id: 'a' }, timeoutMs: 77 }]);
    resolve({ kind: 'delivered', receipt: '' });
    await until(() => fixture.records.length === 2);
  });

  it('keeps its queue while misconfigured and goes on when resumed', async () => {
    const fixture = await openLaneFixture();
    fixture.runtime.answer = async () => ({ kind: 'misconfigured', failure: { code: 'HTTP_401', message: 'refused' } });
    await fixture.start();
    await fixture.accept('a/k', 'b/k');
    await until(() => fixture.records.length === 1);
    expect(fixture.lane.health()).toMatchObject({ state: 'paused' });
    expect(fixture.lane.health().reason).toMatch(/^HTTP_401: refused; fix/);
    expect(await fixture.statistics()).toMatchObject({ unsettled: 2 });
    fixture.runtime.answer = async () => delivered;
    fixture.lane.resume();
    await fixture.settled();
    expect(fixture.runtime.ids).toEqual(['a/k', 'a/k', 'b/k']);
  });

  it('says what holds a delivery, and when that changes', async () => {
    const fixture = await openLaneFixture();
    const [a] = await fixture.accept('a');
    if (a === undefined) throw new Error('nothing was accepted');
    expect(fixture.lane.heldBy(a)).toBe('not_ready');
    fixture.lane.pause({ kind: 'operator', reason: 'maintenance' });
    expect(fixture.gateChanges).toEqual([]);
    await fixture.start();
    expect(fixture.lane.heldBy(a)).toBe('paused');
    expect(fixture.gateChanges).toEqual(['billing']);
    expect(fixture.lane.health()).toMatchObject({ state: 'paused', reason: 'maintenance' });
    fixture.lane.resume();
    expect(fixture.lane.heldBy(a)).toBeUndefined();
    expect(fixture.gateChanges).toEqual(['billing', 'billing']);
    await fixture.settled();
  });
});

/** A lane that has one more place than what runs at a time. */
const narrow = {
  retry: { baseMs: 1, capMs: 20, maxAttempts: 3 },
  maxCrashes: 3,
  prefetch: { ...DEFAULT_PREFETCH, deliveries: 1 },
} satisfies LaneRules;

describe('what a lane reads', () => {
  it('is nothing for events that it is notified of with their commit', async () => {
    const fixture = await openLaneFixture();
    await fixture.start();
    await fixture.accept('first');
    await fixture.settled();
    const readsBefore = fixture.requests.filter(({ name }) => name === 'readReady').length;
    for (const id of ['a', 'b/k', 'c/k']) await fixture.accept(id);
    await fixture.settled();
    expect(fixture.requests.filter(({ name }) => name === 'readReady')).toHaveLength(readsBefore);
    expect(fixture.runtime.ids).toEqual(['first', 'a', 'b/k', 'c/k']);
  });

  it('is all that was accepted before it was opened, and what is accepted in the commit that answers it', async () => {
    const fixture = await openLaneFixture();
    await fixture.accept('before');
    fixture.journal.control.hold();
    await fixture.lane.start();
    const accepted = fixture.accept('beside');
    fixture.journal.control.release();
    await accepted;
    await until(() => fixture.records.length === 2);
    expect(fixture.runtime.ids).toEqual(['before', 'beside']);
  });

  it('is what did not fit into its memory, in order and each once', async () => {
    const fixture = await openLaneFixture({ rules: narrow });
    await fixture.start();
    const ids = Array.from({ length: 30 }, (_, index) => `e${index}`);
    await fixture.accept(...ids);
    await fixture.settled();
    expect(fixture.runtime.ids).toEqual(ids);
  });

  it('is what was accepted elsewhere, of which it only learns that there is more', async () => {
    const fixture = await openLaneFixture();
    await fixture.start();
    await fixture.accept('first');
    await fixture.settled();
    fixture.reportsMoreOnly = true;
    await fixture.accept('elsewhere', 'elsewhere too');
    await fixture.settled();
    expect(fixture.runtime.ids).toEqual(['first', 'elsewhere', 'elsewhere too']);
  });
});

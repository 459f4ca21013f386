import { describe, expect, it } from 'vitest';
import { DEFAULT_BREAKER } from '../core/breaker-policy.ts';
import type { OpenDelivery } from '../core/delivery.ts';
import { DEFAULT_WINDOW } from '../core/lane.ts';
import type { Outcome } from '../core/outcome.ts';
import { MemoryDisk } from '../journal/memory/memory-disk.ts';
import { replayAll, sampleJob } from '../journal/suite/samples.suite.ts';
import { failure, LaneBench, retryable, until } from './lane-bench.suite.ts';

const permanent = { kind: 'permanent', failure } as const;
const paused = { kind: 'operator', reason: 'maintenance' } as const;
const rules = {
  retry: { baseMs: 1, capMs: 20, maxAttempts: 3 },
  maxCrashes: 3,
  window: DEFAULT_WINDOW,
  recoveredToSeq: 0,
} as const;

async function openDeliveries(bench: LaneBench): Promise<readonly OpenDelivery[]> {
  const everything = { adapter: 'billing', afterSeq: 0, limit: 1_000, limitBytes: 1_000_000 };
  return (await bench.journal.fetchOpen(everything)).deliveries;
}

describe('a person who lets one delivery through', () => {
  it('sees exactly one go, and the breaker close when that is delivered', async () => {
    const bench = new LaneBench({ breakerPolicy: { ...DEFAULT_BREAKER, resetTimeoutMs: 60_000 } });
    bench.runtime.answer = async () => retryable;
    await bench.lane.start();
    await bench.accept('a', 'b', 'c', 'd', 'e');
    await until(() => bench.lane.health().breaker.condition === 'open' && bench.lane.health().inFlight === 0);
    const attempted = bench.runtime.ids.length;
    await bench.accept('fresh');
    bench.runtime.answer = async () => ({ kind: 'delivered', receipt: '' });
    expect(bench.lane.probe()).toBe('fresh');
    expect(bench.runtime.ids.slice(attempted)).toEqual(['fresh']);
    await until(() => bench.lane.health().waiting === 0);
    expect(bench.conditions).toEqual(['closed', 'open', 'half_open', 'closed']);
  });

  it('sees exactly one go while the lane is paused', async () => {
    const bench = new LaneBench();
    await bench.lane.start();
    bench.lane.pause(paused);
    await bench.accept('a', 'b');
    expect(bench.lane.probe()).toBe('a');
    await until(() => bench.records.length === 1);
    expect(bench.runtime.ids).toEqual(['a']);
    expect(bench.lane.health()).toMatchObject({ state: 'paused', waiting: 1 });
  });

  it('hears when there is none', () => {
    expect(new LaneBench().lane.probe()).toBeUndefined();
  });
});

describe('a person who gives deliveries up', () => {
  it('hears how many, once that is on disk; what is settled or runs is left alone', async () => {
    const bench = new LaneBench();
    bench.runtime.answer = ({ event }) =>
      event.id === 'runs' ? new Promise(() => undefined) : Promise.resolve({ kind: 'delivered', receipt: '' });
    await bench.lane.start();
    await bench.accept('runs', 'settled');
    const before = await openDeliveries(bench);
    await until(() => bench.records.length === 1);
    bench.lane.pause(paused);
    await bench.accept('waits', 'waits too');
    bench.journal.holdCommits();
    let count: number | undefined;
    const deliveries = [...before, ...bench.journal.disk.events.map(({ event }) => ({ ...before[0], event }))];
    void bench.lane.discard(deliveries as OpenDelivery[], 'sent by mistake').then((discarded) => {
      count = discarded;
    });
    await new Promise(setImmediate);
    expect(count).toBeUndefined();
    bench.journal.releaseCommits();
    await until(() => count !== undefined);
    expect(count).toBe(2);
    expect(bench.told).toEqual(['settled: delivered', 'waits: discarded', 'waits too: discarded']);
    expect(bench.records[1]).toMatchObject({ reason: 'sent by mistake', attempts: 0, adapterVersion: '' });
    expect(bench.lane.health()).toMatchObject({ waiting: 1, deadLetters: 0 });
  });

  it('reaches what is only in the journal', async () => {
    const window = { ...DEFAULT_WINDOW, deliveries: 1 };
    const bench = new LaneBench({ rules: { ...rules, onDeadLetter: 'continue', window } });
    bench.lane.pause(paused);
    await bench.lane.start();
    await bench.accept('a', 'b', 'c');
    const deliveries = await openDeliveries(bench);
    expect(await bench.lane.discard(deliveries.slice(1), 'sent by mistake')).toBe(2);
    bench.lane.resume();
    await until(() => bench.lane.health().waiting === 0);
    expect(bench.runtime.ids).toEqual(['a']);
  });

  it('may not give up more than 256 at once', async () => {
    const bench = new LaneBench();
    const many = Array.from({ length: 257 }, () => ({}) as OpenDelivery);
    await expect(bench.lane.discard(many, 'sent by mistake')).rejects.toThrow('at most 256');
  });

  it('hears that nobody knows when the journal ended meanwhile', async () => {
    const bench = new LaneBench({ rules: { ...rules, onDeadLetter: 'continue' }, newestSeq: 9 });
    await bench.accept('a');
    await until(() => bench.lane.health().waiting === 1);
    const [a] = await openDeliveries(bench);
    if (a === undefined) throw new Error('nothing is open');
    await bench.journal.close();
    const elsewhere = { ...a, event: { ...a.event, seq: 7 } };
    await expect(bench.lane.discard([elsewhere], 'sent by mistake')).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

describe('a dead letter', () => {
  it('is delivered once it is replayed, and health counts it where it is', async () => {
    const bench = new LaneBench();
    bench.runtime.answer = async () => permanent;
    await bench.lane.start();
    await bench.accept('a');
    await until(() => bench.records.length === 1);
    expect(bench.lane.health()).toMatchObject({ waiting: 0, deadLetters: 1 });
    bench.runtime.answer = async () => ({ kind: 'delivered', receipt: '' });
    bench.lane.pause(paused);
    await replayAll(bench.journal, { eventIds: ['a'] });
    expect(bench.lane.health()).toMatchObject({ waiting: 1, deadLetters: 0 });
    bench.lane.resume();
    await until(() => bench.records.length === 2);
    expect(bench.runtime.attempts[1]).toMatchObject({ number: 1, redelivered: true });
    expect(bench.lane.health()).toMatchObject({ waiting: 0, deadLetters: 0 });
  });

  it('is one again when a newer event of its key is on its way, and health counts it where it is', async () => {
    const bench = new LaneBench();
    const newer = Promise.withResolvers<Outcome>();
    bench.runtime.answer = async ({ event }) => (event.id === 'a/k' ? permanent : newer.promise);
    await bench.lane.start();
    await bench.accept('a/k', 'b/k');
    await until(() => bench.runtime.ids.includes('b/k'));
    const job = sampleJob({ filter: { eventIds: ['a/k'] } });
    await bench.journal.stepReplay({ job, atMs: 0, bounds: { limit: 1, limitBytes: 1 } });
    expect(bench.lane.health()).toMatchObject({ waiting: 2, deadLetters: 0 });
    await until(() => bench.records.length === 2);
    expect(bench.lane.health()).toMatchObject({ waiting: 1, deadLetters: 1 });
    expect(bench.records[1]).toMatchObject({ eventId: 'a/k', state: 'dead_lettered', cycle: 2, adapterVersion: '' });
    newer.resolve({ kind: 'delivered', receipt: '' });
    await until(() => bench.records.length === 3);
    expect(bench.lane.health()).toMatchObject({ waiting: 0, deadLetters: 1 });
    expect(bench.runtime.ids).toEqual(['a/k', 'b/k']);
  });

  it('holds its key over a restart until it is discarded, where the operator wants that', async () => {
    const disk = new MemoryDisk();
    const before = new LaneBench({ disk, rules: { ...rules, onDeadLetter: 'hold' } });
    before.runtime.answer = async () => permanent;
    await before.lane.start();
    await before.accept('a/k', 'b/k');
    await until(() => before.held.some(({ eventId, heldBy }) => eventId === 'b/k' && heldBy === 'key'));
    before.journal.kill();
    const deadLetters = [{ key: 'k', seq: 1 }];
    const after = new LaneBench({ disk, rules: { ...rules, onDeadLetter: 'hold' }, deadLetters, totals });
    expect(await after.journal.readDeadLetterKeys('billing')).toEqual(deadLetters);
    await after.lane.start();
    await after.accept('c/k', 'd/other');
    await until(() => after.records.length === 1);
    expect(after.runtime.ids).toEqual(['d/other']);
    expect(after.lane.heldBy({ key: 'k', seq: 2 })).toBe('key');
    await after.journal.discard({ adapter: 'billing', seq: 1, atMs: 0, reason: 'obsolete' });
    await until(() => after.lane.health().waiting === 0);
    expect(after.runtime.ids).toEqual(['d/other', 'b/k', 'c/k']);
    expect(after.lane.health().deadLetters).toBe(0);
  });
});

const totals = { unsettled: 1, deadLetters: 1 };

describe('a lane that a person paused', () => {
  it('is paused when the hub starts again', async () => {
    const bench = new LaneBench({ pause: { reason: 'maintenance' } });
    await bench.lane.start();
    await bench.accept('a');
    expect(bench.lane.health()).toMatchObject({ state: 'paused', reason: 'maintenance' });
    expect(bench.runtime.ids).toEqual([]);
    bench.lane.resume();
    await until(() => bench.records.length === 1);
  });

  it('stays so when an attempt that ran shows a refused credential, and says the cause of the person', async () => {
    const bench = new LaneBench();
    const { promise, resolve } = Promise.withResolvers<void>();
    bench.runtime.answer = async () => promise.then(() => ({ kind: 'misconfigured', failure }));
    await bench.lane.start();
    await bench.accept('a');
    bench.lane.pause(paused);
    resolve();
    await until(() => bench.records.length === 1);
    expect(bench.lane.health()).toMatchObject({ state: 'paused', reason: 'maintenance' });
  });

  it('goes on after it paused itself, too, once the person resumes it', async () => {
    const bench = new LaneBench();
    bench.runtime.answer = async () => ({ kind: 'misconfigured', failure });
    await bench.lane.start();
    await bench.accept('a');
    await until(() => bench.lane.health().state === 'paused');
    expect(bench.lane.health().reason).toContain('then resume the adapter');
    bench.runtime.answer = async () => ({ kind: 'delivered', receipt: '' });
    await until(() => bench.records.length === 1);
    bench.lane.resume();
    await until(() => bench.lane.health().waiting === 0);
  });
});

describe('an operator who retries now', () => {
  it('ends waits that the external system named, and is told how many deliveries waited', async () => {
    const bench = new LaneBench();
    bench.runtime.answer = async () => ({ ...retryable, retryAfterMs: 3_600_000 });
    await bench.lane.start();
    await bench.accept('a', 'b');
    await until(() => bench.records.length === 2);
    bench.runtime.answer = async () => ({ kind: 'delivered', receipt: '' });
    expect(bench.lane.retryNow()).toBe(2);
    await until(() => bench.lane.health().waiting === 0);
    expect(bench.lane.retryNow()).toBe(0);
  });

  it('ends the wait of a throttled lane', async () => {
    const bench = new LaneBench();
    bench.runtime.answer = async () => ({ kind: 'throttled', failure, retryAfterMs: 3_600_000 });
    await bench.lane.start();
    await bench.accept('a');
    await until(() => bench.records.length === 1);
    expect(bench.lane.health().throttledUntilMs).toBeGreaterThan(0);
    bench.runtime.answer = async () => ({ kind: 'delivered', receipt: '' });
    bench.lane.retryNow();
    expect(bench.lane.health().throttledUntilMs).toBeUndefined();
    await until(() => bench.lane.health().waiting === 0);
  });

  it('lets one delivery through an open breaker, and all of them once that is delivered', async () => {
    const bench = new LaneBench({ breakerPolicy: { ...DEFAULT_BREAKER, resetTimeoutMs: 60_000 } });
    bench.runtime.answer = async () => retryable;
    await bench.lane.start();
    await bench.accept('a', 'b', 'c', 'd', 'e');
    await until(() => bench.lane.health().breaker.condition === 'open' && bench.lane.health().inFlight === 0);
    bench.runtime.answer = async () => ({ kind: 'delivered', receipt: '' });
    bench.lane.retryNow();
    await until(() => bench.lane.health().waiting === 0);
    expect(bench.conditions).toEqual(['closed', 'open', 'half_open', 'closed']);
  });
});

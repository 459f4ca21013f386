import { describe, expect, it } from 'vitest';
import type { Outcome } from '../core/outcome.ts';
import { sampleAccept, sampleEvent } from '../journal/suite/samples.suite.ts';
import { failure, LaneBench, retryable, until } from './lane-bench.suite.ts';

describe('a lane', () => {
  it('delivers what is accepted and records it with all that people ask about', async () => {
    const bench = new LaneBench();
    await bench.lane.start();
    await bench.accept('a');
    await until(() => bench.records.length === 1);
    expect(bench.runtime.attempts).toMatchObject([
      { event: { id: 'a' }, idempotencyKey: 'a:billing', number: 1, redelivered: false, timeoutMs: 10_000 },
    ]);
    expect(bench.records).toMatchObject([
      { adapter: 'billing', adapterVersion: '1.0.0', state: 'delivered', attempts: 1, nextAttemptAtMs: 0 },
    ]);
    expect(bench.lane.health()).toMatchObject({ state: 'ready', waiting: 0, inFlight: 0, deadLetters: 0 });
  });

  it('ignores events that are for others', async () => {
    const bench = new LaneBench();
    await bench.lane.start();
    await bench.journal.accept(sampleAccept(sampleEvent('other'), { adapters: ['records'] }));
    await bench.accept('mine');
    await until(() => bench.records.length === 1);
    expect(bench.runtime.ids).toEqual(['mine']);
  });

  it('retries with the time that it recorded, in the order of the key', async () => {
    const bench = new LaneBench();
    const answers: Outcome[] = [retryable, retryable];
    bench.runtime.answer = async () => answers.shift() ?? { kind: 'delivered', receipt: 'r-1' };
    await bench.lane.start();
    await bench.accept('a/k', 'b/k');
    await until(() => bench.records.length === 4);
    expect(bench.told).toEqual(['a/k: retrying', 'a/k: retrying', 'a/k: delivered', 'b/k: delivered']);
    const [first] = bench.records;
    expect(first?.attempt).toMatchObject({ outcome: 'retryable', failure, receipt: '' });
    expect((first?.nextAttemptAtMs ?? 0) - (first?.atMs ?? 0)).toBeLessThanOrEqual(1);
  });

  it('takes what the operator set before what the adapter asks for', async () => {
    const bench = new LaneBench({ delivery: { concurrency: 1, timeoutMs: 77 } });
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    bench.runtime.answer = () => promise;
    await bench.lane.start();
    await bench.accept('a', 'b');
    expect(bench.runtime.attempts).toMatchObject([{ event: { id: 'a' }, timeoutMs: 77 }]);
    resolve({ kind: 'delivered', receipt: '' });
    await until(() => bench.records.length === 2);
  });

  it('keeps its queue while misconfigured and goes on when resumed', async () => {
    const bench = new LaneBench();
    bench.runtime.answer = async () => ({ kind: 'misconfigured', failure: { code: 'HTTP_401', message: 'refused' } });
    await bench.lane.start();
    await bench.accept('a/k', 'b/k');
    await until(() => bench.held.some(({ eventId }) => eventId === 'b/k'));
    expect(bench.lane.health()).toMatchObject({ state: 'paused', waiting: 2 });
    expect(bench.lane.health().reason).toMatch(/^HTTP_401: refused; fix/);
    bench.runtime.answer = async () => ({ kind: 'delivered', receipt: '' });
    bench.lane.resume();
    await until(() => bench.lane.health().waiting === 0);
    expect(bench.runtime.ids).toEqual(['a/k', 'a/k', 'b/k']);
  });

  it('says what holds a delivery', async () => {
    const bench = new LaneBench();
    bench.lane.pause({ kind: 'operator', reason: 'maintenance' });
    await bench.lane.start();
    await bench.accept('a');
    expect(bench.lane.heldBy({ seq: 1, key: '' })).toBe('paused');
    expect(bench.held).toMatchObject([{ adapter: 'billing', eventId: 'a', heldBy: 'paused', attempts: 0, cycle: 1 }]);
    expect(bench.lane.health()).toMatchObject({ state: 'paused', reason: 'maintenance' });
  });
});

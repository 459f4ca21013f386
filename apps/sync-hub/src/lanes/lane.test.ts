import { afterEach, describe, expect, it, vi } from 'vitest';
import { ScriptedRuntime } from '../../sim/scripted-runtime.ts';
import type { RecordedDelivery } from '../core/delivery.ts';
import type { HeldDelivery } from '../core/held-delivery.ts';
import { DEFAULT_WINDOW } from '../core/lane.ts';
import type { Outcome } from '../core/outcome.ts';
import { MemoryDisk } from '../journal/memory/memory-disk.ts';
import { MemoryJournal } from '../journal/memory/memory-journal.ts';
import { sampleAccept, sampleEvent } from '../journal/suite/samples.suite.ts';
import { DEFAULT_BREAKER } from './breaker.ts';
import { systemClock } from './clock.ts';
import { Lane, type LaneOptions } from './lane.ts';

const failure = { code: 'HTTP_503', message: 'the other side is unwell' };
const retryable: Outcome = { kind: 'retryable', failure };

/** A lane for billing on a memory journal and real time, with short waits. */
class Bench {
  readonly runtime: ScriptedRuntime;
  readonly journal: MemoryJournal;
  readonly lane: Lane;
  readonly records: RecordedDelivery[] = [];
  readonly held: HeldDelivery[] = [];
  readonly conditions: string[] = [];

  constructor(options: Partial<LaneOptions> & { runtime?: ScriptedRuntime; disk?: MemoryDisk } = {}) {
    const { disk = new MemoryDisk(), runtime = new ScriptedRuntime(), ...rest } = options;
    this.runtime = runtime;
    this.journal = new MemoryJournal({
      disk,
      observer: {
        accepted: (events) => this.lane.accepted(events),
        recorded: (records) => {
          this.records.push(...records);
          for (const record of records) this.lane.recorded(record);
        },
      },
      onFatal: (error) => {
        throw error;
      },
    });
    this.lane = new Lane({
      adapter: { id: 'billing', package: '@hms-sync/adapter-billing', version: '1.2.3' },
      runtime,
      delivery: {},
      rules: {
        retry: { baseMs: 1, capMs: 20, maxAttempts: 3 },
        maxCrashes: 3,
        window: DEFAULT_WINDOW,
        recoveredToSeq: this.journal.info.lastSeq,
      },
      breakerPolicy: { ...DEFAULT_BREAKER, resetTimeoutMs: 30 },
      journal: this.journal,
      clock: systemClock,
      seed: 1,
      newestSeq: this.journal.info.lastSeq,
      totals: { unsettled: 0, deadLetters: 0 },
      onHeld: (held) => this.held.push(held),
      onChange: () => this.#note(this.lane.health().breaker.condition),
      ...rest,
    });
    benches.push(this);
  }

  #note(condition: string): void {
    if (this.conditions.at(-1) !== condition) this.conditions.push(condition);
  }

  async accept(...ids: readonly string[]): Promise<void> {
    const requests = ids.map((id) =>
      sampleAccept(sampleEvent(id, { key: id.split('/')[1] ?? '' }), { adapters: ['billing'] }),
    );
    await Promise.all(requests.map((request) => this.journal.accept(request)));
  }

  /** As "id: state", in the order in which they were told. */
  get told(): readonly string[] {
    return this.records.map(({ eventId, state }) => `${eventId}: ${state}`);
  }

  async close(): Promise<void> {
    await this.lane.close();
    await this.journal.close();
  }
}

const benches: Bench[] = [];
afterEach(async () => {
  await Promise.all(benches.splice(0).map((bench) => bench.close()));
});

const until = (condition: () => boolean) => vi.waitUntil(condition, { interval: 2, timeout: 5_000 });

describe('a lane', () => {
  it('delivers what is accepted and records it with all that people ask about', async () => {
    const bench = new Bench();
    await bench.lane.start();
    await bench.accept('a');
    await until(() => bench.records.length === 1);
    expect(bench.runtime.attempts).toMatchObject([
      { event: { id: 'a' }, idempotencyKey: 'a:billing', number: 1, redelivered: false, timeoutMs: 10_000 },
    ]);
    expect(bench.records).toMatchObject([
      { adapter: 'billing', adapterVersion: '1.2.3', state: 'delivered', attempts: 1, nextAttemptAtMs: 0 },
    ]);
    expect(bench.lane.health()).toMatchObject({ state: 'ready', waiting: 0, inFlight: 0, deadLetters: 0 });
  });

  it('passes over events that are for others', async () => {
    const bench = new Bench();
    await bench.lane.start();
    await bench.journal.accept(sampleAccept(sampleEvent('other'), { adapters: ['records'] }));
    await bench.accept('mine');
    await until(() => bench.records.length === 1);
    expect(bench.runtime.ids).toEqual(['mine']);
  });

  it('retries with the time that it recorded, in the order of the key', async () => {
    const bench = new Bench();
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
    const bench = new Bench({ delivery: { concurrency: 1, timeoutMs: 77 } });
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    bench.runtime.answer = () => promise;
    await bench.lane.start();
    await bench.accept('a', 'b');
    expect(bench.runtime.attempts).toMatchObject([{ event: { id: 'a' }, timeoutMs: 77 }]);
    resolve({ kind: 'delivered', receipt: '' });
    await until(() => bench.records.length === 2);
  });

  it('keeps its queue while misconfigured and goes on when resumed', async () => {
    const bench = new Bench();
    bench.runtime.answer = async () => ({ kind: 'misconfigured', failure: { code: 'HTTP_401', message: 'refused' } });
    await bench.lane.start();
    await bench.accept('a/k', 'b/k');
    await until(() => bench.held.some(({ eventId }) => eventId === 'b/k'));
    expect(bench.lane.health()).toMatchObject({ state: 'paused', waiting: 2 });
    expect(bench.lane.health().reason).toMatch(/^HTTP_401: refused; mend/);
    bench.runtime.answer = async () => ({ kind: 'delivered', receipt: '' });
    bench.lane.resume();
    await until(() => bench.lane.health().waiting === 0);
    expect(bench.runtime.ids).toEqual(['a/k', 'a/k', 'b/k']);
  });

  it('says what holds a delivery', async () => {
    const bench = new Bench();
    bench.lane.pause({ kind: 'operator', reason: 'maintenance' });
    await bench.lane.start();
    await bench.accept('a');
    expect(bench.lane.heldBy(1)).toBe('paused');
    expect(bench.held).toMatchObject([{ adapter: 'billing', eventId: 'a', heldBy: 'paused', attempts: 0, cycle: 1 }]);
    expect(bench.lane.health()).toMatchObject({ state: 'paused', reason: 'maintenance' });
  });
});

describe('an outside system that is down', () => {
  it('opens the breaker, is tried one by one, and gets everything in order when it is back; nothing is dead', async () => {
    const bench = new Bench({ runtime: new ScriptedRuntime({ concurrency: 2 }) });
    bench.runtime.answer = async () => retryable;
    await bench.lane.start();
    const ids = Array.from({ length: 12 }, (_, index) => `e${index}/k${index % 3}`);
    await bench.accept(...ids);
    // Five probes on top of what opened it: more than the budget of any delivery.
    await until(() => bench.conditions.filter((condition) => condition === 'half_open').length >= 5);
    bench.runtime.answer = async () => ({ kind: 'delivered', receipt: '' });
    await until(() => bench.lane.health().waiting === 0);
    expect(bench.conditions.slice(0, 4)).toEqual(['closed', 'open', 'half_open', 'open']);
    expect(bench.conditions.slice(-2)).toEqual(['half_open', 'closed']);
    expect(bench.lane.health().deadLetters).toBe(0);
    for (const key of ['k0', 'k1', 'k2']) {
      const delivered = bench.told.filter((line) => line.endsWith('delivered') && line.includes(`/${key}:`));
      expect(delivered).toEqual(ids.filter((id) => id.endsWith(key)).map((id) => `${id}: delivered`));
    }
  });

  it('is not called while the breaker is open', async () => {
    const bench = new Bench({ breakerPolicy: { ...DEFAULT_BREAKER, resetTimeoutMs: 60_000 } });
    bench.runtime.answer = async () => retryable;
    await bench.lane.start();
    await bench.accept('a', 'b', 'c', 'd', 'e');
    await until(() => bench.records.length === 5);
    const calls = bench.runtime.attempts.length;
    await bench.accept('f');
    await until(() => bench.held.some(({ eventId, heldBy }) => eventId === 'f' && heldBy === 'breaker'));
    expect(bench.runtime.attempts.length).toBe(calls);
  });
});

describe('adapter code that does not return', () => {
  it('is timed out and asked to end, and keeps its key until it has', async () => {
    const bench = new Bench({ delivery: { timeoutMs: 20 } });
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    bench.runtime.answer = ({ event }) =>
      event.id === 'a/k' && bench.runtime.attempts.length === 1
        ? promise
        : Promise.resolve({ kind: 'delivered', receipt: '' });
    await bench.lane.start();
    await bench.accept('a/k', 'b/k', 'c');
    await until(() => bench.told.includes('a/k: retrying'));
    expect(bench.records.find(({ eventId }) => eventId === 'a/k')?.attempt).toMatchObject({ outcome: 'timed_out' });
    expect(bench.runtime.signals[0]?.aborted).toBe(true);
    await until(() => bench.told.includes('c: delivered'));
    expect(bench.runtime.ids).toEqual(['a/k', 'c']);
    expect(bench.lane.health().inFlight).toBe(1);
    resolve({ kind: 'delivered', receipt: 'too late' });
    await until(() => bench.told.includes('b/k: delivered'));
    expect(bench.runtime.ids).toEqual(['a/k', 'c', 'a/k', 'b/k']);
  });

  it('opens the breaker by its deadlines and lets a probe through, which may hang as well', async () => {
    const bench = new Bench({ runtime: new ScriptedRuntime({ concurrency: 5 }), delivery: { timeoutMs: 10 } });
    bench.runtime.answer = () => new Promise(() => undefined);
    await bench.lane.start();
    await bench.accept(...Array.from({ length: 20 }, (_, index) => `e${index}`));
    await until(() => bench.conditions.filter((condition) => condition === 'half_open').length >= 3);
    // One for each probe, and never a second one in the same breath as the deadline of the first.
    expect(bench.runtime.attempts.length).toBeLessThanOrEqual(5 + 3);
    bench.runtime.answer = async () => ({ kind: 'delivered', receipt: '' });
    await until(() => bench.told.filter((line) => line.endsWith('delivered')).length >= 10);
    expect(bench.lane.health().breaker.condition).toBe('closed');
  });
});

describe('a runtime that breaks its word', () => {
  it.each<[string, ScriptedRuntime['answer']]>([
    [
      'throws',
      () => {
        throw new TypeError('the payload is 4711');
      },
    ],
    ['rejects', () => Promise.reject(new TypeError('the payload is 4711'))],
  ])('costs one attempt when it %s, and not the hub', async (_how, answer) => {
    const bench = new Bench();
    bench.runtime.answer = answer;
    await bench.lane.start();
    await bench.accept('a');
    await until(() => bench.records.length === 3);
    expect(bench.told.at(-1)).toBe('a: dead_lettered');
    const [first] = bench.records;
    expect(first?.attempt).toMatchObject({
      outcome: 'crashed',
      failure: { code: 'RUNTIME_BROKEN', message: "the adapter's runtime failed where it must not (TypeError)" },
    });
    expect(JSON.stringify(bench.records)).not.toMatch('4711');
  });

  it('is failed when it cannot be started, and its deliveries wait', async () => {
    const bench = new Bench();
    bench.runtime.start = () => Promise.reject(new RangeError('no memory'));
    await bench.lane.start();
    await bench.accept('a');
    expect(bench.lane.health()).toMatchObject({
      state: 'failed',
      reason: "the adapter's runtime could not be started (RangeError)",
      waiting: 1,
    });
    expect(bench.lane.heldBy(1)).toBe('not_ready');
    expect(bench.runtime.attempts).toEqual([]);
  });

  it('does not keep the hub from stopping', async () => {
    const bench = new Bench();
    await bench.lane.start();
    bench.runtime.close = () => {
      throw new Error('not now');
    };
    await expect(bench.lane.close()).resolves.toBeUndefined();
  });
});

describe('draining', () => {
  it('begins nothing new and ends when what runs is recorded', async () => {
    const bench = new Bench({ runtime: new ScriptedRuntime({ concurrency: 1 }) });
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    bench.runtime.answer = () => promise;
    await bench.lane.start();
    await bench.accept('a', 'b');
    let isDrained = false;
    const drained = bench.lane.drain(60_000).then(() => {
      isDrained = true;
    });
    expect(bench.lane.health().state).toBe('draining');
    bench.journal.holdCommits();
    resolve({ kind: 'delivered', receipt: '' });
    await until(() => bench.lane.health().inFlight === 0);
    expect(isDrained).toBe(false);
    bench.journal.releaseCommits();
    await drained;
    expect(bench.told).toEqual(['a: delivered']);
    expect(bench.runtime.ids).toEqual(['a']);
  });

  it('ends at once when nothing runs', async () => {
    const bench = new Bench();
    await bench.lane.start();
    await bench.lane.drain(60_000);
  });

  it('ends after its time although something hangs', async () => {
    const bench = new Bench();
    bench.runtime.answer = () => new Promise(() => undefined);
    await bench.lane.start();
    await bench.accept('a');
    await bench.lane.drain(10);
    expect(bench.lane.health().inFlight).toBe(1);
  });

  it('is what closing does as well: what the abort ends makes room for nothing', async () => {
    const bench = new Bench({ runtime: new ScriptedRuntime({ concurrency: 1 }) });
    bench.runtime.answer = (_attempt, signal) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(retryable)));
    await bench.lane.start();
    await bench.accept('a', 'b');
    await bench.lane.close();
    await until(() => bench.records.length === 1);
    expect(bench.told).toEqual(['a: retrying']);
    expect([bench.runtime.ids, bench.runtime.isClosed]).toEqual([['a'], true]);
  });

  it('leaves no timer behind when it is closed', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    const bench = new Bench();
    bench.runtime.answer = async () => retryable;
    await bench.lane.start();
    await bench.accept('a', 'b', 'c', 'd', 'e', 'f');
    expect(vi.getTimerCount()).toBeGreaterThan(0);
    await bench.lane.close();
    await bench.journal.close();
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });
});

describe('a hub that was killed', () => {
  it('delivers again what it had not recorded, in order, and says so', async () => {
    const disk = new MemoryDisk();
    const before = new Bench({ disk });
    await before.lane.start();
    await before.accept('a/k', 'b/k');
    before.journal.holdCommits();
    await until(() => before.runtime.ids.length === 1 && before.lane.health().inFlight === 0);
    before.journal.kill();
    const after = new Bench({ disk });
    await after.lane.start();
    await until(() => after.records.length === 2);
    await after.accept('c');
    await until(() => after.records.length === 3);
    expect(after.runtime.attempts).toMatchObject([
      { event: { id: 'a/k' }, number: 1, redelivered: true },
      { event: { id: 'b/k' }, number: 1, redelivered: true },
      { event: { id: 'c' }, number: 1, redelivered: false },
    ]);
  });

  it('goes on with an open breaker, and with the attempts that it had counted', async () => {
    const disk = new MemoryDisk();
    const before = new Bench({ disk, breakerPolicy: { ...DEFAULT_BREAKER, resetTimeoutMs: 60_000 } });
    before.runtime.answer = async () => retryable;
    await before.lane.start();
    await before.accept('a', 'b', 'c', 'd', 'e');
    await until(() => before.records.length === 5);
    before.journal.kill();
    const after = new Bench({ disk });
    const [stored] = await after.journal.readBreakers();
    expect(stored).toMatchObject({ adapter: 'billing', state: 'open' });
    after.lane.restoreBreaker('it was open when the hub stopped');
    await after.lane.start();
    await until(() => after.lane.health().breaker.condition === 'closed' && after.records.length >= 5);
    expect(after.conditions.slice(0, 3)).toEqual(['open', 'half_open', 'closed']);
    expect(after.runtime.attempts.map(({ number }) => number)).toEqual([2, 2, 2, 2, 2]);
  });
});

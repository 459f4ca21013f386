import { create, toBinary } from '@bufbuild/protobuf';
import { AdapterState, BreakerState, type Health, HealthSchema } from '@hms-sync/proto/hms/sync/v1/health_service';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DEFAULT_RETRY } from '../../core/retry.ts';
import type { JournalStatistics } from '../../journal/journal.ts';
import {
  delivered,
  openTestHub,
  published,
  type TestHub,
  type TestHubOptions,
  unwell,
} from '../publishing/hub.fixture.ts';
import { HealthFeed, hubWarnings, WATCHES_MAX } from './health-feed.ts';

beforeEach(() => {
  // The journal in memory commits by setImmediate, which goes on by itself.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

async function open(options: TestHubOptions & { statistics?: () => Promise<JournalStatistics> } = {}) {
  const hub = await openTestHub(options);
  const readStatistics = options.statistics ?? (() => hub.journal.readStatistics());
  const journal = { info: hub.journal.info, readStatistics };
  const feed = new HealthFeed({
    version: '1.2.3',
    startedAtMs: 1_790_000_000_000,
    journal,
    lanes: hub.lanes,
    notAcceptingReason: () => hub.intake.notAcceptingReason,
  });
  hub.onChange = () => feed.changed();
  await feed.start();
  return { hub, feed };
}

/** Watches and keeps what was sent, the first included. */
async function watch(feed: HealthFeed) {
  const abort = new AbortController();
  const received: Health[] = [];
  const ended = (async () => {
    for await (const health of feed.watch(abort.signal)) received.push(health);
  })();
  await vi.waitFor(() => expect(received).toHaveLength(1), { timeout: 20_000 });
  return { received, ended, abort };
}

/** Lets this much time pass, and what is due in it happen. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    await vi.advanceTimersByTimeAsync(500);
    for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
  }
}

const adapterStates = (received: readonly Health[]) =>
  received.map(({ adapters }) => adapters.map(({ state }) => state));
const lane = (hub: TestHub) => {
  const [first] = [...hub.lanes];
  if (first === undefined) throw new Error('no lane');
  return first;
};

describe('its status now', () => {
  it('reports the hub and each adapter, and goes over the wire', async () => {
    const { feed } = await open({
      adapters: { billing: () => delivered, records: () => delivered },
      statistics: async () => ({ sizeBytes: 4_096, commitLatencyMs: 0.26, lanes: [] }),
    });
    const health = feed.now();
    expect(health.hub).toMatchObject({
      version: '1.2.3',
      accepting: true,
      notAcceptingReason: '',
      adapterIsolation: 'none',
      journal: { location: 'memory', sizeBytes: 4_096n, commitLatency: { seconds: 0n, nanos: 260_000 } },
    });
    expect(health.adapters).toMatchObject([
      {
        id: 'billing',
        package: '@hms-sync/adapter-billing',
        version: '1.0.0',
        runtime: 'inline',
        state: AdapterState.READY,
      },
      { id: 'records', breaker: { state: BreakerState.CLOSED, cause: 'the hub started' } },
    ]);
    expect(health.adapters[0]?.oldestUnsettledAge).toBeUndefined();
    expect(toBinary(HealthSchema, create(HealthSchema, health)).byteLength).toBeGreaterThan(0);
  });

  it('reports what waits, how long, what failed last and what is dead', async () => {
    const { hub, feed } = await open({ adapters: { billing: () => unwell } });
    await hub.intake.accept(published());
    await pass(2_500);
    expect(feed.now().adapters[0]).toMatchObject({
      waiting: 1n,
      inFlight: 0,
      deadLetters: 0n,
      oldestUnsettledAge: { seconds: 2n },
      breaker: { state: BreakerState.CLOSED, calls: 1, failures: 1, lastError: { code: 'HTTP_503' } },
      recent: { failures: 1n, attempts: 1n, lastError: { code: 'HTTP_503' }, lastErrorTime: {} },
    });
  });

  it('reports what failed in the last minute also while the breaker is open', async () => {
    const { hub, feed } = await open({ adapters: { billing: () => unwell } });
    await Promise.all(Array.from({ length: 5 }, () => hub.intake.accept(published())));
    await vi.waitFor(() => expect(feed.now().adapters[0]?.breaker?.state).toBe(BreakerState.OPEN), { timeout: 20_000 });
    await pass(12_000);
    const [billing] = feed.now().adapters;
    expect(billing?.breaker?.state).toBe(BreakerState.OPEN);
    expect(Number(billing?.recent?.failures)).toBeGreaterThanOrEqual(5);
    expect(billing?.recent).toMatchObject({ lastError: { code: 'HTTP_503' } });
  });

  it('reports until when the external system asked for less', async () => {
    const failure = { code: 'HTTP_429', message: 'The system asked for less.' };
    const throttled = { kind: 'throttled', failure, retryAfterMs: 30_000, scope: 'lane' } as const;
    // A wait is never shorter than the backoff.
    const { hub, feed } = await open({ adapters: { billing: () => throttled }, retry: DEFAULT_RETRY });
    expect(feed.now().adapters[0]?.throttledUntilTime).toBeUndefined();
    await hub.intake.accept(published());
    await vi.waitFor(() => expect(feed.now().adapters[0]?.throttledUntilTime).toBeDefined(), 20_000);
    const untilMs = Number(feed.now().adapters[0]?.throttledUntilTime?.seconds) * 1_000;
    expect(untilMs - Date.now()).toBeGreaterThan(28_000);
    expect(untilMs - Date.now()).toBeLessThan(31_000);
    await pass(31_000);
    // Its own next attempt follows, and is answered in the same way.
    expect(Number(feed.now().adapters[0]?.throttledUntilTime?.seconds) * 1_000).toBeGreaterThan(untilMs);
  });

  it('reports why events are not accepted', async () => {
    const { hub, feed } = await open();
    hub.intake.stop();
    expect(feed.now().hub).toMatchObject({ accepting: false, notAcceptingReason: 'the hub is stopping' });
  });
});

describe('a watcher', () => {
  it('gets each change, also when the next follows in the same turn', async () => {
    const { hub, feed } = await open();
    const { received, abort, ended } = await watch(feed);
    lane(hub).pause({ kind: 'operator', reason: 'maintenance' });
    lane(hub).resume();
    lane(hub).pause({ kind: 'operator', reason: 'again' });
    await vi.waitFor(() => expect(received).toHaveLength(4), { timeout: 20_000 });
    const { READY, PAUSED } = AdapterState;
    expect(adapterStates(received)).toEqual([[READY], [PAUSED], [READY], [PAUSED]]);
    expect(received.at(-1)?.adapters[0]?.reason).toBe('again');
    abort.abort();
    await ended;
  });

  it('learns that a breaker opened, in the turn in which it did', async () => {
    const { hub, feed } = await open({ adapters: { billing: () => unwell } });
    const { received } = await watch(feed);
    await Promise.all(Array.from({ length: 5 }, () => hub.intake.accept(published())));
    await vi.waitFor(() => expect(received.at(-1)?.adapters[0]?.breaker?.state).toBe(BreakerState.OPEN), {
      timeout: 20_000,
    });
    expect(received.at(-1)?.adapters[0]?.breaker?.cause).toMatch(
      /^5 different deliveries failed in a row; the last: HTTP_503/,
    );
  });

  it('gets counts within a second', async () => {
    const { hub, feed } = await open({ adapters: { billing: () => new Promise(() => undefined) } });
    const { received } = await watch(feed);
    await hub.intake.accept(published());
    await pass(1_000);
    expect(received.map(({ adapters }) => adapters[0]?.waiting)).toEqual([0n, 1n]);
  });

  it('gets nothing while only sizes and ages change, and a sign of life before 10 s are over', async () => {
    let sizeBytes = 0;
    const statistics = async () => {
      sizeBytes += 1;
      return { sizeBytes, commitLatencyMs: sizeBytes, lanes: [] };
    };
    const { hub, feed } = await open({ adapters: { billing: () => new Promise(() => undefined) }, statistics });
    await hub.intake.accept(published());
    await pass(30_000);
    const { received } = await watch(feed);
    await pass(8_500);
    expect(received).toHaveLength(1);
    await pass(1_500);
    expect(received).toHaveLength(2);
    await pass(7_000);
    expect(received).toHaveLength(2);
    await pass(3_000);
    expect(received).toHaveLength(3);
  });

  it('does not miss what changed before the journal was ever read well', async () => {
    const { feed } = await open({ statistics: () => Promise.reject(new Error('disk')) });
    const { received } = await watch(feed);
    await pass(10_500);
    expect(received).toHaveLength(2);
    expect(received[0]?.hub?.journal?.commitLatency).toBeUndefined();
  });

  it('who stops reading gets an error and is dropped, and the others go on', async () => {
    const { hub, feed } = await open();
    const { received } = await watch(feed);
    const slow = feed.watch(new AbortController().signal);
    await slow.next();
    for (let change = 0; change < 150; change += 1) {
      lane(hub).pause({ kind: 'operator', reason: `${change}` });
      lane(hub).resume();
      // The one who reads is given the time to.
      if (change % 100 === 99) await vi.waitFor(() => expect(received).toHaveLength(2 * change + 3), 20_000);
    }
    await vi.waitFor(() => expect(received).toHaveLength(301), { timeout: 20_000 });
    const reading = (async () => {
      for await (const _health of slow) {
        // What was kept for it comes first.
      }
    })();
    await expect(reading).rejects.toMatchObject({ name: 'RequestError', reason: 'READER_TOO_SLOW' });
  });

  it('ends when it is aborted and when the hub stops', async () => {
    const { feed } = await open();
    const [aborted, stopped] = [await watch(feed), await watch(feed)];
    aborted.abort.abort();
    await aborted.ended;
    feed.stop();
    await stopped.ended;
  });
});

it('leaves no timer behind when it stops', async () => {
  const { feed } = await open({ adapters: {} });
  expect(vi.getTimerCount()).toBe(1);
  feed.stop();
  expect(vi.getTimerCount()).toBe(0);
});

it('is watched by a bounded number at a time, and by another once one has left', async () => {
  const { feed } = await open();
  const leave = new AbortController();
  const first = feed.watch(leave.signal);
  await first.next();
  const others = Array.from({ length: WATCHES_MAX - 1 }, () => feed.watch(new AbortController().signal));
  await Promise.all(others.map((watching) => watching.next()));
  await expect(feed.watch(new AbortController().signal).next()).rejects.toMatchObject({
    reason: 'TOO_MANY_AT_ONCE',
    retryAfterMs: 10_000,
  });
  leave.abort();
  await first.next();
  expect((await feed.watch(new AbortController().signal).next()).done).toBe(false);
  feed.stop();
});

describe('what is not well although events are accepted', () => {
  const waiting = (adapter: string, unsettled: number) => ({
    ...{ adapter, unsettled, deadLetters: 1, oldestAcceptedAtMs: 0, behindDeadLetters: 0 },
  });

  it('says nothing while every adapter that something waits for is configured', () => {
    expect(hubWarnings(['billing', 'lab'], [waiting('lab', 3)])).toEqual([]);
  });

  it('names events for nobody, and what waits for an adapter that is not configured', () => {
    expect(hubWarnings([], [waiting('lab', 1), waiting('records', 2), waiting('old', 0)])).toEqual([
      expect.stringMatching(/^no adapters are configured: events are accepted and delivered to nobody/),
      expect.stringMatching(/^1 delivery waits for "lab", which is not configured: .*discard --adapter lab --reason/),
      expect.stringMatching(/^2 deliveries wait for "records", which is not configured/),
    ]);
  });
});

import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { WatchAcksRequestSchema } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createSyncService, WATCHES_MAX, waitForSettled } from './sync-service.ts';
import { delivered, openTestHub, published, unwell } from './test-hub.suite.ts';

afterEach(() => {
  vi.useRealTimers();
});

const fakeTime = () => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
const caller = () => new AbortController().signal;

describe('waiting for an event to settle', () => {
  it('ends when it settles, and leaves neither a timer nor a listener behind', async () => {
    const hub = await openTestHub();
    fakeTime();
    const acceptance = await hub.intake.accept(published());
    const { settled, acks } = await waitForSettled(hub, acceptance, 10_000, caller());
    expect({ settled, receipts: acks.map(({ receipt }) => receipt) }).toEqual({ settled: true, receipts: ['ok'] });
    // The lane's own alarm, which may ring too early.
    await hub.lanes.close();
    expect(vi.getTimerCount()).toBe(0);
    expect(hub.acks.listening).toBe(0);
  });

  it('ends when the time is up, with what is known by then', async () => {
    const hub = await openTestHub({ adapters: { billing: () => unwell, records: () => delivered } });
    fakeTime();
    const acceptance = await hub.intake.accept(published());
    const waiting = waitForSettled(hub, acceptance, 10_000, caller());
    await vi.waitFor(() => expect(hub.attempts).toHaveLength(2), { timeout: 20_000 });
    await vi.advanceTimersByTimeAsync(10_000);
    const { settled, acks } = await waiting;
    expect(settled).toBe(false);
    expect(acks).toMatchObject([
      { adapter: 'billing', attempt: 1 },
      { adapter: 'records', receipt: 'ok' },
    ]);
    expect(hub.acks.listening).toBe(0);
  });

  it('ends when the caller goes, and leaves no timer behind', async () => {
    const hub = await openTestHub({ starts: false });
    fakeTime();
    const acceptance = await hub.intake.accept(published());
    const abort = new AbortController();
    const waiting = waitForSettled(hub, acceptance, 10_000, abort.signal);
    await vi.waitFor(() => expect(hub.acks.listening).toBe(1), { timeout: 20_000 });
    abort.abort();
    expect(await waiting).toMatchObject({ settled: false });
    expect(vi.getTimerCount()).toBe(0);
    expect(hub.acks.listening).toBe(0);
  });

  it('does not wait at all when asked not to', async () => {
    const hub = await openTestHub({ starts: false });
    const acceptance = await hub.intake.accept(published());
    expect(await waitForSettled(hub, acceptance, 0, caller())).toMatchObject({ settled: false });
  });
});

it('all acks are watched by so many at a time, and by another once one has left', async () => {
  const hub = await openTestHub();
  const { watchAcks } = createSyncService(hub);
  const request = create(WatchAcksRequestSchema);
  const begin = (signal: AbortSignal) => watchAcks(request, { signal } as HandlerContext)[Symbol.asyncIterator]();
  const all = new AbortController();
  const leave = new AbortController();
  const watches = [leave.signal, ...Array.from({ length: WATCHES_MAX - 1 }, () => all.signal)].map(begin);
  for (const watch of watches) await watch.next();
  const waiting = watches.map((watch) => watch.next());
  await expect(begin(all.signal).next()).rejects.toMatchObject({ reason: 'TOO_MANY_AT_ONCE', retryAfterMs: 10_000 });
  leave.abort();
  await waiting[0];
  expect((await begin(all.signal).next()).done).toBe(false);
  all.abort();
  await Promise.all(waiting);
});

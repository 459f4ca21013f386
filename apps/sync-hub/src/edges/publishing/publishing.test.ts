import { afterEach, describe, expect, it, vi } from 'vitest';
import { CALLS_OF_CALLER, CallerLimits } from '../../access/caller-limits.ts';
import { ANONYMOUS_PRINCIPAL, OPEN_PRINCIPAL } from '../../access/principal.ts';
import { delivered, openTestHub, published, unwell } from './hub.fixture.ts';
import { Publishing } from './publishing.ts';

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
    const { settled, acks } = await hub.publishing.wait(acceptance, 10_000, {
      caller: OPEN_PRINCIPAL,
      signal: caller(),
    });
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
    const waiting = hub.publishing.wait(acceptance, 10_000, { caller: OPEN_PRINCIPAL, signal: caller() });
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
    const waiting = hub.publishing.wait(acceptance, 10_000, { caller: OPEN_PRINCIPAL, signal: abort.signal });
    await vi.waitFor(() => expect(hub.acks.listening).toBe(1), { timeout: 20_000 });
    abort.abort();
    expect(await waiting).toMatchObject({ settled: false });
    expect(vi.getTimerCount()).toBe(0);
    expect(hub.acks.listening).toBe(0);
  });

  it('does not wait at all when asked not to', async () => {
    const hub = await openTestHub({ starts: false });
    const acceptance = await hub.intake.accept(published());
    expect(await hub.publishing.wait(acceptance, 0, { caller: OPEN_PRINCIPAL, signal: caller() })).toMatchObject({
      settled: false,
    });
  });
});

describe('the bytes of a day', () => {
  it('are those of new events, not of duplicates and of what is refused', async () => {
    const hub = await openTestHub({ starts: false, eventBytesMax: 2 ** 20 });
    const bounds = { eventsPerSecond: undefined, bytesPerDay: 2 ** 20, calls: CALLS_OF_CALLER };
    const publishing = new Publishing({ ...hub, limits: new CallerLimits(bounds, () => 0) });
    const publish = (id: string, size: number) => {
      const payload = { case: 'data', value: new Uint8Array(size) } as const;
      const event = published({ id, payload, dataContentType: 'application/octet-stream' });
      return publishing.accept(event, ANONYMOUS_PRINCIPAL).then(
        ({ duplicate }) => (duplicate ? 'duplicate' : 'accepted'),
        (error) => error.reason ?? error.name,
      );
    };
    expect(await publish('large', 2 ** 20 + 1)).toBe('EVENT_TOO_LARGE');
    expect(await publish('a', 2 ** 19)).toBe('accepted');
    for (let again = 0; again < 3; again++) expect(await publish('a', 2 ** 19)).toBe('duplicate');
    expect(await publish('b', 2 ** 19)).toBe('accepted');
    expect(await publish('c', 1)).toBe('CallerThrottled');
  });
});

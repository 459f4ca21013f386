import { describe, expect, it, vi } from 'vitest';
import { allOf, openTestHub, published, settleTurns } from '../publishing/hub.fixture.ts';
import { countedRequests, open, requestOf, requestsOf, WINDOW } from './publish-caller.fixture.ts';

describe('a caller who disappears', () => {
  it('leaves no listeners behind, whatever it still waits for', async () => {
    const hub = await openTestHub({ adapters: { billing: () => new Promise(() => undefined) } });
    const abort = new AbortController();
    const forever = Promise.withResolvers<never>();
    const stream = open(
      hub,
      (async function* () {
        yield requestOf([published({ id: 'event-1' }), published({ id: 'event-1' }), published()]);
        yield await forever.promise;
      })(),
      abort.signal,
    );
    await stream.next();
    await settleTurns();
    expect(hub.acks.listening).toBe(3);
    const next = stream.next();
    abort.abort();
    // Its side of the stream never ends, and still this one does.
    await allOf(stream);
    await next;
    expect(hub.acks.listening).toBe(0);
  });

  it('leaves none behind for events that were accepted only after it went', async () => {
    const hub = await openTestHub({ adapters: { billing: () => new Promise(() => undefined) } });
    hub.journal.control.hold();
    const abort = new AbortController();
    const all = allOf(open(hub, requestsOf([requestOf([published(), published()])]), abort.signal));
    await settleTurns();
    abort.abort();
    await all;
    hub.journal.control.release();
    await vi.waitFor(() => expect(hub.attempts).toHaveLength(2), { timeout: 20_000 });
    await settleTurns();
    expect(hub.acks.listening).toBe(0);
    expect(hub.faults).toEqual([]);
  });

  it('leaves none behind when the stream is left between two messages', async () => {
    const hub = await openTestHub({ starts: false });
    const stream = open(hub, requestsOf([requestOf([published()])]));
    await stream.next();
    expect(hub.acks.listening).toBe(1);
    await stream.return(undefined);
    expect(hub.acks.listening).toBe(0);
  });

  it('while it waits for room lets go of the rest of its events', async () => {
    const hub = await openTestHub({ starts: false });
    const abort = new AbortController();
    const caller = countedRequests(WINDOW + 10);
    const all = allOf(open(hub, caller.requests(), abort.signal));
    await vi.waitFor(() => expect(hub.acks.listening).toBe(WINDOW), { timeout: 10_000 });
    abort.abort();
    await all;
    await settleTurns();
    expect(caller.sent).toBe(WINDOW + 1);
    expect(hub.acks.listening).toBe(0);
  });
});

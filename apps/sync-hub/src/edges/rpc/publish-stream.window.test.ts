import { type PublishStreamResponse, PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../core/outcome.ts';
import { sampleRecord } from '../../journal/suite/samples.fixture.ts';
import { allOf, delivered, openTestHub, published, settleTurns } from '../publishing/hub.fixture.ts';
import { RequestError } from '../request-error.ts';
import { acksOf, countedRequests, open, requestOf, resultsOf, WINDOW } from './publish-caller.fixture.ts';

describe('the window', () => {
  it('lets 4,096 events be unsettled, reads no further, and goes on when one settles', async () => {
    const release: ((outcome: Outcome) => void)[] = [];
    const hub = await openTestHub({ adapters: { billing: () => new Promise((resolve) => release.push(resolve)) } });
    const caller = countedRequests(WINDOW + 10);
    const all = allOf(open(hub, caller.requests()));
    await vi.waitFor(() => expect(release).toHaveLength(64), { timeout: 20_000 });
    await settleTurns();
    // The one that does not fit has been taken from the caller and waits.
    expect(caller.sent).toBe(WINDOW + 1);
    expect(hub.acks.listening).toBe(WINDOW);
    release[0]?.(delivered);
    await vi.waitFor(() => expect(caller.sent).toBe(WINDOW + 2), { timeout: 20_000 });
    const drain = setInterval(() => {
      for (const settle of release.splice(0)) settle(delivered);
    });
    const messages = await all;
    clearInterval(drain);
    expect(resultsOf(messages)).toHaveLength(WINDOW + 10);
    expect(acksOf(messages)).toHaveLength(WINDOW + 10);
    expect(hub.acks.listening).toBe(0);
  });

  it('slows a caller who writes and does not read, and loses nothing of it', async () => {
    const hub = await openTestHub();
    const total = 20_000;
    const caller = countedRequests(total, PublishUntil.ACCEPTED);
    const stream = open(hub, caller.requests());
    const first = await stream.next();
    let sent = -1;
    while (sent !== caller.sent) {
      sent = caller.sent;
      await settleTurns();
    }
    expect(sent).toBeLessThan(total);
    const messages = [first.value as PublishStreamResponse, ...(await allOf(stream))];
    expect(resultsOf(messages).map(({ index }) => Number(index))).toEqual(
      Array.from({ length: total }, (_, index) => index),
    );
  });

  it('ends the stream of a caller for whom ever more comes, with a cursor to resume from', async () => {
    const hub = await openTestHub({ adapters: { billing: () => new Promise(() => undefined) } });
    const forever = Promise.withResolvers<never>();
    const stream = open(
      hub,
      (async function* () {
        yield requestOf([published({ id: 'event-1' })]);
        yield await forever.promise;
      })(),
    );
    const first = await stream.next();
    expect(first.value?.results).toHaveLength(1);
    const page = Array.from({ length: 10_000 }, () => sampleRecord({ seq: 1, id: 'event-1' }, { state: 'retrying' }));
    for (let received = 0; received < 160_000; received += page.length) {
      const records = page.map((record, index) => ({ ...record, position: received + index + 1 }));
      hub.acks.committed({ records, reopened: [] });
    }
    const ended = await allOf(stream).catch((error: unknown) => error);
    expect(ended).toBeInstanceOf(RequestError);
    expect(ended).toMatchObject({ reason: 'READER_TOO_SLOW', metadata: { cursor: hub.cursors.encode(new Map()) } });
    expect(hub.acks.listening).toBe(0);
  });
});

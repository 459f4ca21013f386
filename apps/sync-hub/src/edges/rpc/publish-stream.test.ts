import { create } from '@bufbuild/protobuf';
import { DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import type { SyncEvent } from '@hms-sync/proto/hms/sync/v1/event';
import {
  type PublishStreamRequest,
  PublishStreamRequestSchema,
  type PublishStreamResponse,
  PublishStreamResponseSchema,
  PublishUntil,
} from '@hms-sync/proto/hms/sync/v1/sync_service';
import { describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../core/outcome.ts';
import { Refusal } from '../refusal.ts';
import { publishStream } from './publish-stream.ts';
import { allOf, delivered, openTestHub, published, recordOf, settleTurns, type TestHub } from './test-hub.suite.ts';

const WINDOW = 4_096;

const requestOf = (events: readonly SyncEvent[], until = PublishUntil.SETTLED): PublishStreamRequest =>
  create(PublishStreamRequestSchema, { events: [...events], until });

/** A caller who sends these requests and, unless told otherwise, then ends its side of the stream. */
async function* requestsOf(requests: readonly PublishStreamRequest[]) {
  yield* requests;
}

/** Opens a stream of this hub, its messages as they go over the wire. */
function open(hub: TestHub, requests: AsyncIterable<PublishStreamRequest>, signal = new AbortController().signal) {
  return toMessages(publishStream({ ...hub, requests, signal }));
}

async function* toMessages(stream: ReturnType<typeof publishStream>): AsyncGenerator<PublishStreamResponse> {
  for await (const message of stream) yield create(PublishStreamResponseSchema, message);
}

const resultsOf = (messages: readonly PublishStreamResponse[]) => messages.flatMap(({ results }) => results);
const acksOf = (messages: readonly PublishStreamResponse[]) => messages.flatMap(({ acks }) => acks);

/** A caller who is asked for one event at a time, so that a test sees how far the hub has read. */
function countedRequests(total: number, until = PublishUntil.SETTLED) {
  const caller = {
    sent: 0,
    async *requests() {
      while (caller.sent < total) {
        caller.sent += 1;
        yield requestOf([published({ id: `event-${caller.sent}` })], until);
      }
    },
  };
  return caller;
}

describe('results', () => {
  it('come in the order handed in, refused ones between accepted ones', async () => {
    const hub = await openTestHub();
    const events = Array.from({ length: 30 }, (_, index) =>
      published({ type: index % 3 === 1 ? '' : 'ProcessUpdated' }),
    );
    const results = resultsOf(
      await allOf(open(hub, requestsOf([requestOf(events.slice(0, 7)), requestOf(events.slice(7))]))),
    );
    expect(results.map(({ index }) => Number(index))).toEqual(events.map((_, index) => index));
    expect(results.map(({ result }) => result.case)).toEqual(
      events.map(({ type }) => (type === '' ? 'refused' : 'accepted')),
    );
    expect(results[1]?.result.value).toMatchObject({
      code: 3,
      reason: 'EVENT_INVALID',
      fields: [{ field: 'event.type' }],
    });
  });

  it('come before the acks of their events', async () => {
    const hub = await openTestHub({ adapters: { billing: () => delivered, records: () => delivered } });
    const events = Array.from({ length: 2_000 }, (_, index) => published({ id: `event-${index}` }));
    const known = new Set<string>();
    let acks = 0;
    const requests = requestsOf([requestOf(events.slice(0, 1_000)), requestOf(events.slice(1_000))]);
    for await (const message of open(hub, requests)) {
      for (const { result } of message.results) if (result.case === 'accepted') known.add(result.value.eventId);
      for (const { eventId } of message.acks) expect(known.has(eventId)).toBe(true);
      acks += message.acks.length;
    }
    expect(acks).toBe(4_000);
  });

  it('are told without acks when only acceptance is waited for', async () => {
    const hub = await openTestHub();
    const messages = await allOf(open(hub, requestsOf([requestOf([published()], PublishUntil.ACCEPTED)])));
    expect(resultsOf(messages)).toHaveLength(1);
    expect(acksOf(messages)).toEqual([]);
    expect(hub.acks.listening).toBe(0);
  });

  it('tell a fault of the hub as unknown, and the log all of it', async () => {
    const hub = await openTestHub();
    const fault = new TypeError('hunter2');
    vi.spyOn(hub.intake, 'accept').mockRejectedValueOnce(fault);
    const [refused, accepted] = resultsOf(await allOf(open(hub, requestsOf([requestOf([published(), published()])]))));
    expect(refused?.result.value).toMatchObject({ reason: 'JOURNAL_FAILED' });
    expect(JSON.stringify(refused?.result.value)).not.toContain('hunter2');
    expect(accepted?.result.case).toBe('accepted');
    expect(hub.faults).toEqual([fault]);
  });

  it('of an event that is handed in twice are both told, with the acks of both', async () => {
    const hub = await openTestHub();
    const twice = [
      published({ id: 'event-1' }),
      published({ id: 'event-1' }),
      published({ id: 'event-1', key: 'other' }),
    ];
    const messages = await allOf(open(hub, requestsOf([requestOf(twice)])));
    expect(resultsOf(messages).map(({ result }) => result.value)).toMatchObject([
      { duplicate: false },
      { duplicate: true },
      { reason: 'EVENT_ID_CONFLICT' },
    ]);
    expect(acksOf(messages).map(({ state }) => state)).toEqual([DeliveryState.DELIVERED, DeliveryState.DELIVERED]);
    expect(hub.attempts).toHaveLength(1);
    expect(hub.acks.listening).toBe(0);
  });

  it('of an event that settled long ago come with its history', async () => {
    const hub = await openTestHub();
    const once = () => allOf(open(hub, requestsOf([requestOf([published({ id: 'event-1' })])])));
    const [first, second] = [acksOf(await once()), acksOf(await once())];
    expect(second).toEqual(first);
    expect(first).toHaveLength(1);
  });
});

describe('HELD', () => {
  it('is told at once when the adapter has not started', async () => {
    const hub = await openTestHub({ starts: false });
    const stream = open(hub, requestsOf([requestOf([published()])]));
    const first = await stream.next();
    expect(first.value).toMatchObject({ results: [{}], acks: [{ state: DeliveryState.HELD }] });
    await hub.lanes.start();
    expect(acksOf(await allOf(stream)).map(({ state }) => state)).toEqual([DeliveryState.DELIVERED]);
  });
});

describe('the window', () => {
  it('lets 4,096 events be unsettled, reads no further, and goes on when one settles', async () => {
    const release: ((outcome: Outcome) => void)[] = [];
    const hub = await openTestHub({ adapters: { billing: () => new Promise((resolve) => release.push(resolve)) } });
    const caller = countedRequests(WINDOW + 10);
    const all = allOf(open(hub, caller.requests()));
    await vi.waitFor(() => expect(release).toHaveLength(64));
    await settleTurns();
    // The one that does not fit has been taken from the caller and waits.
    expect(caller.sent).toBe(WINDOW + 1);
    expect(hub.acks.listening).toBe(WINDOW);
    release[0]?.(delivered);
    await vi.waitFor(() => expect(caller.sent).toBe(WINDOW + 2));
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
    const total = 40_000;
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
    const page = Array.from({ length: 10_000 }, () => recordOf({ seq: 1, state: 'retrying' }));
    for (let told = 0; told < 160_000; told += page.length) {
      hub.acks.recorded(page.map((record, index) => ({ ...record, cursor: told + index + 1 })));
    }
    const ended = await allOf(stream).catch((error: unknown) => error);
    expect(ended).toBeInstanceOf(Refusal);
    expect(ended).toMatchObject({ reason: 'READER_TOO_SLOW', metadata: { cursor: hub.cursors.encode(0) } });
    expect(hub.acks.listening).toBe(0);
  });
});

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
    hub.journal.holdCommits();
    const abort = new AbortController();
    const all = allOf(open(hub, requestsOf([requestOf([published(), published()])]), abort.signal));
    await settleTurns();
    abort.abort();
    await all;
    hub.journal.releaseCommits();
    await vi.waitFor(() => expect(hub.attempts).toHaveLength(2));
    await settleTurns();
    expect(hub.acks.listening).toBe(0);
    expect(hub.faults).toEqual([]);
  });

  it('leaves none behind when the stream is left between two messages', async () => {
    const hub = await openTestHub({ starts: false });
    const stream = publishStream({
      ...hub,
      requests: requestsOf([requestOf([published()])]),
      signal: new AbortController().signal,
    });
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
    await vi.waitFor(() => expect(hub.acks.listening).toBe(WINDOW));
    abort.abort();
    await all;
    await settleTurns();
    expect(caller.sent).toBe(WINDOW + 1);
    expect(hub.acks.listening).toBe(0);
  });
});

describe('requests that go wrong', () => {
  it('end the stream with the error, after the results of the events before it', async () => {
    const hub = await openTestHub();
    const broken = new Error('a broken message');
    const stream = open(
      hub,
      (async function* () {
        yield requestOf([published(), published({ type: '' }), published()]);
        throw broken;
      })(),
    );
    const messages: PublishStreamResponse[] = [];
    const ended = (async () => {
      for await (const message of stream) messages.push(message);
    })();
    await expect(ended).rejects.toBe(broken);
    expect(resultsOf(messages).map(({ result }) => result.case)).toEqual(['accepted', 'refused', 'accepted']);
    expect(hub.acks.listening).toBe(0);
  });

  it('are refused past 1,000 events a message, and 1,000 are taken', async () => {
    const hub = await openTestHub();
    const events = (count: number) => requestOf(Array.from({ length: count }, () => published()));
    expect(resultsOf(await allOf(open(hub, requestsOf([events(1_000)]))))).toHaveLength(1_000);
    const messages: PublishStreamResponse[] = [];
    const ended = (async () => {
      for await (const message of open(hub, requestsOf([events(1), events(1_001)]))) messages.push(message);
    })();
    await expect(ended).rejects.toMatchObject({ reason: 'REQUEST_INVALID', fields: [{ field: 'events' }] });
    expect(resultsOf(messages)).toHaveLength(1);
  });

  it('may be none at all', async () => {
    const hub = await openTestHub();
    expect(await allOf(open(hub, requestsOf([])))).toEqual([]);
    expect(await allOf(open(hub, requestsOf([requestOf([])])))).toEqual([]);
  });
});

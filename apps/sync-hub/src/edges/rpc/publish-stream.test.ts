import { DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import { type PublishStreamResponse, PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { describe, expect, it, vi } from 'vitest';
import { CALLS_OF_CALLER, CallerLimits } from '../../access/caller-limits.ts';
import { ANONYMOUS_PRINCIPAL } from '../../access/principal.ts';
import { allOf, delivered, openTestHub, published, settleTurns } from '../publishing/hub.fixture.ts';
import { Publishing } from '../publishing/publishing.ts';
import { RequestError } from '../request-error.ts';
import { acksOf, countedRequests, open, requestOf, requestsOf, resultsOf } from './publish-caller.fixture.ts';
import { publishStream } from './publish-stream.ts';

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

  it('of a caller over its limit are refusals with the time to wait, sent no faster than they may be', async () => {
    const hub = await openTestHub({ starts: false });
    const bounds = { eventsPerSecond: 2, bytesPerDay: undefined, calls: CALLS_OF_CALLER };
    const publishing = new Publishing({ ...hub, limits: new CallerLimits(bounds, () => 0) });
    const events = Array.from({ length: 5 }, (_, index) => published({ id: `event-${index}` }));
    const requests = requestsOf([requestOf(events, PublishUntil.ACCEPTED)]);
    const { signal } = new AbortController();
    const call = { requests, signal, onFault: hub.onFault, caller: ANONYMOUS_PRINCIPAL };
    const startedAtMs = performance.now();
    const results = (await allOf(publishStream(publishing, call))).flatMap((message) => message.results ?? []);
    // The third refusal comes 30 ms after the first event; a timer may be a millisecond early.
    expect(performance.now() - startedAtMs).toBeGreaterThan(25);
    expect(results.map(({ result }) => result?.case)).toEqual([
      'accepted',
      'accepted',
      'refused',
      'refused',
      'refused',
    ]);
    expect(results[4]?.result?.value).toMatchObject({
      reason: 'CALLER_THROTTLED',
      retryAfter: { seconds: 0n, nanos: 500_000_000 },
    });
    expect(hub.events.map(({ id }) => id)).toEqual(['event-0', 'event-1']);
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

  it('come without acks when only acceptance is waited for', async () => {
    const hub = await openTestHub();
    const messages = await allOf(open(hub, requestsOf([requestOf([published()], PublishUntil.ACCEPTED)])));
    expect(resultsOf(messages)).toHaveLength(1);
    expect(acksOf(messages)).toEqual([]);
    expect(hub.acks.listening).toBe(0);
  });

  it('report a fault of the hub as unknown, and the log all of it', async () => {
    const hub = await openTestHub();
    const fault = new TypeError('hunter2');
    vi.spyOn(hub.intake, 'accept').mockRejectedValueOnce(fault);
    const [rejected, accepted] = resultsOf(await allOf(open(hub, requestsOf([requestOf([published(), published()])]))));
    expect(rejected?.result.value).toMatchObject({ reason: 'HUB_FAILED' });
    expect(JSON.stringify(rejected?.result.value)).not.toContain('hunter2');
    expect(accepted?.result.case).toBe('accepted');
    expect(hub.faults).toEqual([fault]);
  });

  it('of an event that is handed in twice are both answered, with the acks of both', async () => {
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

describe('a journal that does not keep up', () => {
  it('has the events of a stream refused one by one, with when to come again; the stream goes on', async () => {
    const hub = await openTestHub();
    const overloaded = new RequestError('HUB_OVERLOADED', 'the journal is stuck', { retryAfterMs: 2_500 });
    const accept = vi.spyOn(hub.intake, 'accept').mockRejectedValueOnce(overloaded);
    const results = resultsOf(await allOf(open(hub, requestsOf([requestOf([published(), published()])]))));
    expect(results.map(({ result }) => result.case)).toEqual(['refused', 'accepted']);
    expect(results[0]?.result.value).toMatchObject({
      code: 8,
      reason: 'HUB_OVERLOADED',
      retryAfter: { seconds: 2n, nanos: 500_000_000 },
    });
    expect(accept).toHaveBeenCalledTimes(2);
  });

  it('slows a stream: 1,024 of its events wait for the disk at a time', async () => {
    const hub = await openTestHub();
    hub.journal.control.hold();
    const caller = countedRequests(3_000, PublishUntil.ACCEPTED);
    const all = allOf(open(hub, caller.requests()));
    await settleTurns();
    // The one that does not fit has been taken from the caller and waits.
    expect(caller.sent).toBe(1_025);
    hub.journal.control.release();
    expect(resultsOf(await all)).toHaveLength(3_000);
  });

  it('slows one of large events sooner', async () => {
    const hub = await openTestHub({ eventBytesMax: 1024 * 1024 });
    hub.journal.control.hold();
    let sent = 0;
    const data = new Uint8Array(1024 * 1024);
    const all = allOf(
      open(
        hub,
        (async function* () {
          for (; sent < 20; sent += 1)
            yield requestOf([published({ payload: { case: 'data', value: data }, dataContentType: 'image/png' })]);
        })(),
      ),
    );
    await settleTurns();
    expect(sent).toBe(8);
    hub.journal.control.release();
    expect(resultsOf(await all)).toHaveLength(20);
  });
});

it('misses no ack of an event that was delivered while the content of an earlier one was compared', async () => {
  const hub = await openTestHub();
  const json = (text: string) => ({ case: 'data', value: new TextEncoder().encode(text) }) as const;
  await hub.intake.accept(published({ id: 'event-1', payload: json('{"a":1}') }));
  await settleTurns();
  const compared = Promise.withResolvers<void>();
  const read = hub.journal.readEvent.bind(hub.journal);
  vi.spyOn(hub.journal, 'readEvent').mockImplementation(async (id) => {
    await compared.promise;
    return read(id);
  });
  const events = [published({ id: 'event-1', payload: json('{"a":1.0}') }), published({ id: 'event-2' })];
  const all = allOf(open(hub, requestsOf([requestOf(events)])));
  await vi.waitFor(() => expect(hub.attempts).toHaveLength(2));
  await settleTurns();
  compared.resolve();
  const messages = await all;
  expect(resultsOf(messages).map(({ result }) => result.case === 'accepted' && result.value.duplicate)).toEqual([
    true,
    false,
  ]);
  expect(acksOf(messages).map(({ eventId, state }) => [eventId, state])).toEqual(
    expect.arrayContaining([['event-2', DeliveryState.DELIVERED]]),
  );
});

describe('HELD', () => {
  it('is sent at once when the adapter has not started', async () => {
    const hub = await openTestHub({ starts: false });
    const stream = open(hub, requestsOf([requestOf([published()])]));
    const first = await stream.next();
    expect(first.value).toMatchObject({ results: [{}], acks: [{ state: DeliveryState.HELD }] });
    await hub.lanes.start();
    expect(acksOf(await allOf(stream)).map(({ state }) => state)).toEqual([DeliveryState.DELIVERED]);
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

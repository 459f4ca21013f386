import { type Ack, DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import type { PublishStreamRequest, PublishStreamResponse } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { expect, it, vi } from 'vitest';
import type { Outcome } from '../../core/outcome.ts';
import { allOf, delivered, openTestHub, published, type TestHub } from '../publishing/hub.fixture.ts';
import { acksOf, open, requestOf, requestsOf } from './publish-caller.fixture.ts';

/** Publishes it and waits for all of its acks. */
const settle = (hub: TestHub, id: string) => allOf(open(hub, requestsOf([requestOf([published({ id })])])));

/** Holds what is read of stored events until it is let go. */
function holdReads(hub: TestHub): () => void {
  const held = Promise.withResolvers<void>();
  const read = hub.journal.readEvent.bind(hub.journal);
  vi.spyOn(hub.journal, 'readEvent').mockImplementation(async (event) => {
    await held.promise;
    return read(event);
  });
  return () => held.resolve();
}

/** The cursor after this many records of billing. */
const at = (hub: TestHub, billing: number) => hub.cursors.encode(new Map(billing === 0 ? [] : [['billing', billing]]));

/** A stream that gets what to publish while it runs. */
function openByHand(hub: TestHub) {
  const requests: PublishStreamRequest[] = [];
  let wake: () => void = () => undefined;
  let isDone = false;
  const gone = new AbortController();
  const stream = open(
    hub,
    (async function* () {
      while (!isDone || requests.length > 0) {
        const request = requests.shift();
        if (request !== undefined) yield request;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    })(),
    gone.signal,
  );
  const messages: PublishStreamResponse[] = [];
  const ended = (async () => {
    for await (const message of stream) messages.push(message);
  })();
  return {
    publish(...ids: readonly string[]) {
      requests.push(requestOf(ids.map((id) => published({ id }))));
      wake();
    },
    /** The acks of an event, once there are some. */
    acksOf: (id: string): Promise<readonly Ack[]> =>
      vi.waitFor(
        () => {
          const acks = acksOf(messages).filter(({ eventId }) => eventId === id);
          expect(acks).not.toEqual([]);
          return acks;
        },
        { timeout: 10_000 },
      ),
    /** Goes away, whatever is still to come. */
    leave: () => gone.abort(),
    async end() {
      isDone = true;
      wake();
      await ended;
      return messages;
    },
  };
}

it('carries no cursor past the history of a duplicate that was not sent yet', async () => {
  const hub = await openTestHub();
  for (const id of ['event-1', 'event-2', 'event-3']) await settle(hub, id);
  const letGo = holdReads(hub);
  const stream = openByHand(hub);
  // The records of event-2 come after place 1.
  stream.publish('event-2', 'event-4');
  const [passing] = await stream.acksOf('event-4');
  expect(passing).toMatchObject({ state: DeliveryState.DELIVERED, cursor: at(hub, 1) });
  letGo();
  const [history] = await stream.acksOf('event-2');
  expect(history?.cursor).toBe(at(hub, 2));
  stream.publish('event-5');
  const [later] = await stream.acksOf('event-5');
  expect(later?.cursor).toBe(at(hub, 5));
  await stream.end();
});

it('holds HELD to that too', async () => {
  const hub = await openTestHub();
  for (const id of ['event-1', 'event-2']) await settle(hub, id);
  vi.spyOn(hub.lanes, 'heldBy').mockReturnValue('breaker');
  const letGo = holdReads(hub);
  const stream = openByHand(hub);
  stream.publish('event-1', 'event-3');
  const [held] = await stream.acksOf('event-3');
  expect(held).toMatchObject({ state: DeliveryState.HELD, cursor: at(hub, 0) });
  letGo();
  await stream.end();
});

it('sends the histories of many duplicates so that whoever resumes from the last cursor misses nothing', async () => {
  const hub = await openTestHub();
  const ids = Array.from({ length: 40 }, (_, index) => `event-${index}`);
  for (const id of ids) await settle(hub, id);
  const reads = ids.map(() => Promise.withResolvers<void>());
  const read = hub.journal.readEvent.bind(hub.journal);
  vi.spyOn(hub.journal, 'readEvent').mockImplementation(async (event) => {
    await reads[ids.indexOf(event.id)]?.promise;
    return read(event);
  });
  const stream = openByHand(hub);
  stream.publish(...ids, 'event-new');
  await stream.acksOf('event-new');
  // In an order of their own: 0, 7, 14, ... 33.
  for (const index of ids.keys()) {
    const place = (index * 7) % ids.length;
    reads[place]?.resolve();
    await stream.acksOf(`event-${place}`);
  }
  const received = acksOf(await stream.end());
  const missing = new Map(ids.map((id, index) => [id, index + 1]));
  for (const { eventId, cursor } of received) {
    missing.delete(eventId);
    for (const place of missing.values())
      expect(hub.cursors.decode(cursor, 'cursor').get('billing') ?? 0).toBeLessThan(place);
  }
  expect(missing.size).toBe(0);
});

it('lets cursors go on once the history was sent, also when the duplicate itself is not settled', async () => {
  const stuck = new Promise<Outcome>(() => undefined);
  const hub = await openTestHub({
    adapters: { billing: ({ event }) => (event.id === 'event-1' ? stuck : delivered) },
  });
  await hub.intake.accept(published({ id: 'event-1' }));
  const stream = openByHand(hub);
  stream.publish('event-1', 'event-2');
  await stream.acksOf('event-2');
  stream.publish('event-3');
  const [later] = await stream.acksOf('event-3');
  expect(later?.cursor).toBe(at(hub, 2));
  stream.leave();
});

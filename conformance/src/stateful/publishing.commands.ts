import { PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import type { Way } from '@hms-sync/testing/tcp-proxy';
import fc from 'fast-check';
import { expect } from 'vitest';
import { collect, createSyncClient, type EventInit, present } from '../sync-client.ts';
import { grpcJs } from '../transports/grpc-js.ts';
import { type Command, command } from './command.ts';
import type { House } from './house.ts';
import { type Model, type ModelEvent, published } from './model.ts';

const key = fc.nat(3);
const value = fc.nat(1_000);
const nth = fc.nat(1_000);
const hasEvents = ({ accepted }: Pick<Model, 'accepted'>) => accepted.length > 0;

async function accept({ client }: House, event: ModelEvent) {
  return (await collect(client.publish({ event: published(event), until: PublishUntil.ACCEPTED }))).accepted;
}

const publishOne = fc.tuple(key, value).map(([onKey, said]) =>
  command(`publish on key ${onKey}`, async (model, house) => {
    const event = model.newEvent(onKey, said);
    expect(await accept(house, event)).toMatchObject({ eventId: event.id, duplicate: false });
    model.accept(event);
  }),
);

const publishAtOnce = fc.uniqueArray(key, { minLength: 2 }).map((keys) =>
  command(`publish on keys ${keys.join(', ')} at once`, async (model, house) => {
    const events = keys.map((onKey) => model.newEvent(onKey, 0));
    const accepted = await Promise.all(events.map((event) => accept(house, event)));
    expect(accepted.map(({ duplicate }) => duplicate)).toEqual(events.map(() => false));
    // Each on a key of its own: in which order they were accepted is nobody's business.
    for (const event of events) model.accept(event);
  }),
);

const publishAgain = nth.map((which) =>
  command(`publish again event ${which}`, { when: hasEvents }, async (model, house) => {
    const event = model.pick(which);
    expect(await accept(house, event)).toMatchObject({ eventId: event.id, duplicate: true });
  }),
);

const publishConflict = nth.map((which) =>
  command(`publish other content as event ${which}`, { when: hasEvents }, async (model, house) => {
    const event = model.pick(which);
    const other = { ...event, json: { value: event.json.value + 1 } };
    await expect(accept(house, other)).rejects.toMatchObject({ reason: 'EVENT_ID_CONFLICT' });
  }),
);

/** What one event of a batch is. */
type Item =
  | { readonly kind: 'new' | 'wrong'; readonly key: number }
  | { readonly kind: 'again' | 'conflict'; readonly nth: number };

const item: fc.Arbitrary<Item> = fc.oneof(
  { weight: 5, arbitrary: key.map((onKey) => ({ kind: 'new', key: onKey }) as const) },
  key.map((onKey) => ({ kind: 'wrong', key: onKey }) as const),
  nth.map((which) => ({ kind: 'again', nth: which }) as const),
  nth.map((which) => ({ kind: 'conflict', nth: which }) as const),
);

const publishBatch = fc.array(item, { minLength: 1, maxLength: 30 }).map((items) =>
  command(
    `publish a batch of ${items.map(({ kind }) => kind).join(', ')}`,
    { when: hasEvents },
    async (model, house) => {
      // Those before the batch: which of its own are accepted already when another is read is not for the model to say.
      const before = [...model.accepted];
      const batch = items.map((one) => toBatchEvent(model, before, one));
      const received: string[] = [];
      const requests = [{ events: batch.map(({ sent }) => sent), until: PublishUntil.ACCEPTED }];
      for await (const { results } of house.client.publishStream(inOrder(requests))) {
        for (const { result } of results) {
          if (result.case === 'accepted') received.push(result.value.duplicate ? 'again' : 'new');
          else if (result.case === 'refused') received.push(result.value.reason);
        }
      }
      expect(received).toEqual(batch.map(({ answer }) => answer));
      for (const { accepted } of batch) if (accepted !== undefined) model.accept(accepted);
    },
  ),
);

interface BatchEvent {
  readonly sent: EventInit;
  readonly answer: string;
  readonly accepted?: ModelEvent;
}

function toBatchEvent(model: Model, before: readonly ModelEvent[], one: Item): BatchEvent {
  switch (one.kind) {
    case 'new': {
      const accepted = model.newEvent(one.key, 1);
      return { sent: published(accepted), answer: 'new', accepted };
    }
    case 'wrong':
      return { sent: { ...published(model.newEvent(one.key, 1)), type: '' }, answer: 'EVENT_INVALID' };
    case 'again':
      return { sent: published(present(before[one.nth % before.length])), answer: 'again' };
    case 'conflict': {
      const event = present(before[one.nth % before.length]);
      return { sent: { ...published(event), type: 'PolicyUpdated' }, answer: 'EVENT_ID_CONFLICT' };
    }
    default:
      return one satisfies never;
  }
}

const publishThroughCut = fc
  .tuple(key, fc.constantFrom<Way>('to_server', 'to_client'), fc.nat(500))
  .map(([onKey, way, afterBytes]) =>
    command(`publish on key ${onKey} over a connection cut after ${afterBytes} bytes ${way}`, async (model, house) => {
      const event = model.newEvent(onKey, 2);
      house.stack.front.disturb(way, { kind: 'reset', afterBytes });
      const client = createSyncClient(grpcJs.create(house.stack.front.url));
      const received = await collect(client.publish({ event: published(event), until: PublishUntil.ACCEPTED })).catch(
        () => undefined,
      );
      client.close();
      house.stack.front.heal();
      // No answer means unknown: the same id finds out.
      const { duplicate } = await accept(house, event);
      if (received !== undefined) expect(duplicate).toBe(true);
      model.accept(event);
    }),
  );

/** What publishers do. */
export const publishing: fc.Arbitrary<Command>[] = [
  publishOne,
  publishOne,
  publishAtOnce,
  publishAgain,
  publishConflict,
  publishBatch,
  publishBatch,
  publishThroughCut,
];

async function* inOrder<Request>(requests: readonly Request[]): AsyncIterable<Request> {
  yield* requests;
}

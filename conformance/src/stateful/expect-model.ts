import { type Ack, DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import { SYSTEM_NAMES } from '@hms-sync/sandbox';
import { expect, vi } from 'vitest';
import { OrderBook } from '../../proof/order-book.ts';
import { judge } from '../../proof/verdict.ts';
import { present } from '../sync-client.ts';
import type { House } from './house.ts';
import { expectKnown } from './looking.commands.ts';
import type { Model } from './model.ts';

/** After every trouble is over: attempts that hang end within their deadline, retries wait a tenth of a second. */
const SETTLE_WITHIN_MS = 20_000;

const TERMINAL: ReadonlySet<DeliveryState> = new Set([
  DeliveryState.DELIVERED,
  DeliveryState.DEAD_LETTERED,
  DeliveryState.DISCARDED,
]);

/** Compares the hub, the systems and the acks with the model, once the house is healed. */
export async function expectModel(model: Model, house: House): Promise<void> {
  const ends = await whenSettled(model, house);
  const ids = new Set(model.accepted.map(({ id }) => id));
  // A reader that was disconnected repeatedly gets every terminal ack too.
  const heard = () => new Set(house.reader.acks.map(placeOf));
  const unheard = () => ends.filter((end) => !heard().has(placeOf(end)));
  await vi.waitFor(() => expect(unheard()).toEqual([]), { timeout: SETTLE_WITHIN_MS, interval: 20 });

  const received = recorded(house.reader.acks, ids);
  const onRecord = await readAgain(house, ids, received.length);
  for (const adapter of SYSTEM_NAMES) expect(placesOf(adapter, received)).toEqual(placesOf(adapter, onRecord));
  expectOneEndACycle(received);
  expectOrder(model, received);

  const book = new OrderBook();
  for (const { id, key } of model.accepted) book.add(id, key);
  const calls = house.stack.sandbox.calls({ limit: 100_000 }).filter(({ eventId }) => ids.has(eventId ?? ''));
  const { lost, overtaken, undeclaredDuplicates } = judge(book, calls);
  expect(undeclaredDuplicates).toEqual([]);
  if (!model.isReplayed) expect(overtaken).toEqual([]);
  const delivered = ends.filter(({ state }) => state === DeliveryState.DELIVERED);
  const withoutEffect = new Set(lost);
  expect(delivered.filter(({ eventId, adapter }) => withoutEffect.has(`${eventId} at ${adapter}`))).toEqual([]);
}

/** Where every delivery of the run ended. */
async function whenSettled({ accepted }: Model, { client }: House): Promise<readonly Ack[]> {
  const ends: Ack[] = [];
  const deadlineMs = performance.now() + SETTLE_WITHIN_MS;
  for (const event of accepted) {
    await vi.waitFor(
      async () => {
        const latest = (await expectKnown(client, event)).map((delivery) => present(delivery.latest));
        for (const { state } of latest) expect(TERMINAL).toContain(state);
        ends.push(...latest);
      },
      { timeout: Math.max(deadlineMs - performance.now(), 100), interval: 20 },
    );
  }
  return ends;
}

/** Which record of its lane an ack is: "billing.12", of the cursor's places the one of its adapter. The other places are
 * those that its reader had come to. */
function placeOf({ adapter, cursor }: Ack): string {
  return present(
    cursor
      .slice(cursor.indexOf('-') + 1)
      .split('_')
      .find((place) => place.startsWith(`${adapter}.`)),
  );
}

/** The records of one lane, in their order. */
function placesOf(adapter: string, acks: readonly Ack[]): readonly string[] {
  return acks.filter((ack) => ack.adapter === adapter).map(placeOf);
}

/** HELD is not journaled: a reader that was away when it was sent misses nothing. */
function recorded(acks: readonly Ack[], ids: ReadonlySet<string>): readonly Ack[] {
  return acks.filter(({ eventId, state }) => ids.has(eventId) && state !== DeliveryState.HELD);
}

/** All acks of the run again, by a reader that nothing disturbs. */
async function readAgain({ client, startCursor }: House, ids: ReadonlySet<string>, count: number) {
  const acks: Ack[] = [];
  if (count === 0) return acks;
  for await (const message of client.watchAcks({ cursor: startCursor })) {
    acks.push(...recorded(message.acks, ids));
    if (acks.length >= count) break;
  }
  return acks;
}

function expectOneEndACycle(acks: readonly Ack[]): void {
  const ends = acks.filter(({ state }) => TERMINAL.has(state));
  // An operator may discard a dead letter: that is another terminal ack of the same cycle.
  const names = ends
    .filter(({ state }) => state !== DeliveryState.DISCARDED)
    .map(({ eventId, adapter, cycle }) => `${eventId} ${adapter} ${cycle}`);
  expect(names).toEqual([...new Set(names)]);
  expect(SYSTEM_NAMES).toEqual(expect.arrayContaining([...new Set(ends.map(({ adapter }) => adapter))]));
}

/** By the hub's acks, events of one key were delivered to an adapter in the order of their acceptance. */
function expectOrder(model: Model, acks: readonly Ack[]): void {
  const places = new Map(model.accepted.map(({ id, key }, place) => [id, { key, place }]));
  const newest = new Map<string, number>();
  for (const { eventId, adapter } of acks.filter(({ state }) => state === DeliveryState.DELIVERED)) {
    const { key, place } = present(places.get(eventId));
    const line = `${adapter} ${key}`;
    expect(place, `${eventId} at ${adapter}`).toBeGreaterThan(newest.get(line) ?? -1);
    newest.set(line, place);
  }
}

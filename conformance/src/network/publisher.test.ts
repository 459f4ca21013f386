import { randomUUID } from 'node:crypto';
import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import { PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { SYSTEM_NAMES } from '@hms-sync/sandbox';
import type { NetworkFault, Way } from '@hms-sync/testing/tcp-proxy';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { outline, withoutPlaces } from '../acks.ts';
import { Bystander, tellToll, WORST_HUB_CPU_MS } from '../bystander.ts';
import { createSyncClient, type EventInit, first, present, type SyncClient } from '../sync-client.ts';
import { transports } from '../transports/every-transport.ts';
import { grpcJs } from '../transports/grpc-js.ts';
import { type DisturbedStack, startDisturbedStack } from './disturbed-stack.ts';

let stack: DisturbedStack;
/** Reaches the hub without the network before it. */
let direct: SyncClient;

beforeAll(async () => {
  stack = await startDisturbedStack();
  direct = createSyncClient(grpcJs.create(stack.hub.address));
});
afterEach(() => stack.front.heal());
afterAll(async () => {
  direct?.close();
  await stack?.close();
});

const newEvent = (more: EventInit = {}) => ({ id: randomUUID(), type: 'ProcessUpdated', ...more });

/** A request and its answer are some hundred bytes each way: these are cut in their headers, their bodies, their ends. */
const CUT_AFTER_BYTES = [0, 30, 120, 240, 420];
const WAYS: readonly Way[] = ['to_server', 'to_client'];
const cuts = WAYS.flatMap((way) =>
  (['reset', 'half_close'] as const).flatMap((kind) =>
    CUT_AFTER_BYTES.map((afterBytes): readonly [Way, NetworkFault] => [way, { kind, afterBytes }]),
  ),
);

/** What became of an event, from a place on. */
async function historyOf(eventId: string, cursor: string): Promise<readonly Ack[]> {
  const messages = await Array.fromAsync(direct.watchAcks({ eventIds: [eventId], cursor }));
  return messages.flatMap(({ acks }) => acks);
}

describe('a publisher whose connection is cut', () => {
  test.for(transports)('gets the original answer when it publishes again: $name', async (kind) => {
    let unanswered = 0;
    for (const [way, fault] of cuts) {
      stack.front.disturb(way, fault);
      const client = createSyncClient(kind.create(stack.front.url));
      const event = newEvent({ key: 'cut' });
      const received = await client.publishAndWait(event, 0).catch(() => undefined);
      client.close();
      stack.front.heal();
      if (received === undefined) unanswered += 1;

      const { accepted } = await direct.publishAndWait(event, 0);
      const original = present(received?.accepted ?? accepted);
      expect(present(accepted).duplicate).toBe(received !== undefined || present(accepted).duplicate);
      const { accepted: again } = await direct.publishAndWait(event, 0);
      const { cursor } = present(again);
      expect(again).toEqual({ ...original, duplicate: true, cursor });
      // From there, and from where the original answer lies, all of its history is read.
      const history = outline(await historyOf(event.id, ''));
      for (const place of [cursor, original.cursor]) expect(outline(await historyOf(event.id, place))).toEqual(history);
      await expect(direct.publishAndWait({ ...event, type: 'PolicyUpdated' }, 0)).rejects.toMatchObject({
        reason: 'EVENT_ID_CONFLICT',
      });
    }
    // Both kinds were seen, or the cuts would prove nothing.
    expect(unanswered).toBeGreaterThan(0);
    expect(unanswered).toBeLessThan(cuts.length);
  });

  test('in the middle of a PublishStream loses and repeats nothing', async () => {
    for (const afterBytes of [500, 5_000, 12_000]) {
      stack.sandbox.clearCalls();
      stack.front.disturb('to_client', { kind: 'reset', afterBytes });
      const client = createSyncClient(grpcJs.create(stack.front.url));
      const events = Array.from({ length: 200 }, (_, index) => newEvent({ key: `stream-${index % 5}` }));
      const answered = new Set<string>();
      const publishing = (async () => {
        for await (const { results } of client.publishStream(inMessages(events))) {
          for (const { result } of results) if (result.case === 'accepted') answered.add(result.value.eventId);
        }
      })();
      await expect(publishing).rejects.toMatchObject({ code: 'unavailable' });
      client.close();
      stack.front.heal();

      const rest = events.filter(({ id }) => !answered.has(id));
      expect(rest.length).toBeGreaterThan(0);
      for await (const { results } of direct.publishStream(inMessages(rest))) {
        expect(results.every(({ result }) => result.case === 'accepted')).toBe(true);
      }
      await settle(events.map(({ id }) => id));
      for (const system of SYSTEM_NAMES) {
        for (const key of new Set(events.map((event) => event.key))) {
          const effects = stack.sandbox.calls({ system, key: present(key) }).filter(({ effect }) => effect);
          expect(effects.map(({ eventId }) => eventId)).toEqual(
            events.filter((event) => event.key === key).map(({ id }) => id),
          );
        }
      }
    }
  });
});

describe('a reader of acks', () => {
  test('whose connection is cut again and again resumes by cursor, without a gap and without a repeat', async () => {
    const start = (await first(direct.watchAcks({}))).cursor;
    const events = Array.from({ length: 150 }, () => newEvent());
    const publishing = Promise.all(events.map((event) => direct.publishAndWait(event)));
    const count = events.length * SYSTEM_NAMES.length;
    const read: Ack[] = [];
    let cursor = start;
    let cutBy = 0;
    for (let connection = 0; read.length < count; connection += 1) {
      stack.front.disturb('to_client', { kind: 'reset', afterBytes: 200 + ((connection * 977) % 9_000) });
      const client = createSyncClient(grpcJs.create(stack.front.url));
      try {
        for await (const message of client.watchAcks({ cursor })) {
          read.push(...message.acks);
          cursor = message.cursor;
          if (read.length >= count) break;
        }
      } catch {
        cutBy += 1;
      }
      client.close();
    }
    await publishing;
    expect(cutBy).toBeGreaterThan(3);
    expect(withoutPlaces(read)).toEqual(withoutPlaces(await watchDirectly(start, count)));
  });

  const ROUNDS = 10;

  test('that reads slowly delays no other caller, and misses none', async ({ annotate }) => {
    const bystander = await Bystander.open(stack.hub);
    const start = (await first(direct.watchAcks({}))).cursor;
    stack.front.disturb('to_client', { kind: 'trickle', pieceBytes: 64, everyMs: 10 });
    const slow = createSyncClient(grpcJs.create(stack.front.url));
    const read: Ack[] = [];
    let count = Number.POSITIVE_INFINITY;
    const reading = (async () => {
      for await (const { acks } of slow.watchAcks({ cursor: start })) {
        read.push(...acks);
        if (read.length >= count) break;
      }
    })();
    const toll = await bystander.beside(async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        for await (const { results } of direct.publishStream(
          inMessages(Array.from({ length: 50 }, () => newEvent())),
        )) {
          expect(results.every(({ result }) => result.case === 'accepted')).toBe(true);
        }
      }
    });
    await annotate(tellToll(toll), 'toll');
    expect(toll.beside.worstHubCpuMs).toBeLessThan(WORST_HUB_CPU_MS);
    expect(toll.peakBytes - toll.beforeBytes).toBeLessThan(128 * 1_024 * 1_024);
    bystander.close();

    count = (ROUNDS * 50 + toll.beside.count) * SYSTEM_NAMES.length;
    expect(read.length).toBeLessThan(count);
    stack.front.heal();
    await reading;
    slow.close();
    expect(withoutPlaces(read)).toEqual(withoutPlaces(await watchDirectly(start, count)));
  });
});

async function* inMessages(events: readonly EventInit[]) {
  const EVENTS_A_MESSAGE = 20;
  for (let start = 0; start < events.length; start += EVENTS_A_MESSAGE) {
    yield { events: events.slice(start, start + EVENTS_A_MESSAGE), until: PublishUntil.ACCEPTED };
  }
}

async function settle(eventIds: string[]): Promise<void> {
  for await (const _message of direct.watchAcks({ eventIds })) {
    // It ends with the last of them.
  }
}

async function watchDirectly(cursor: string, count: number): Promise<readonly Ack[]> {
  const acks: Ack[] = [];
  for await (const message of direct.watchAcks({ cursor })) {
    acks.push(...message.acks);
    if (acks.length >= count) break;
  }
  return acks;
}

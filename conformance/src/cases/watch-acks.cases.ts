import { randomUUID } from 'node:crypto';
import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import { PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { describe, expect, test } from 'vitest';
import { DELIVERED_EVERYWHERE, outline, withoutPlaces } from '../acks.ts';
import type { Scene } from '../scene.ts';
import { collect, first, present } from '../sync-client.ts';

/** With three adapters and some retries about thirty cursors: each is resumed from. */
const EVENTS = 8;

export function describeWatchAcks(scene: Scene): void {
  describe('WatchAcks', () => {
    /** Watches until this many acks arrived. */
    async function watch(cursor: string, count: number): Promise<readonly Ack[]> {
      const acks: Ack[] = [];
      if (count === 0) return acks;
      for await (const message of scene.client.watchAcks({ cursor })) {
        acks.push(...message.acks);
        if (acks.length >= count) return acks;
      }
      throw new Error(`the watch ended after ${acks.length} of ${count} acks`);
    }

    test('reads the history of an event again from the cursor of its duplicate', async () => {
      const { client } = scene;
      const event = { id: randomUUID(), type: 'ProcessUpdated' };
      await client.publishAndWait(event);
      const { cursor } = present((await client.publishAndWait(event)).accepted);
      const history = await Array.fromAsync(client.watchAcks({ eventIds: [event.id], cursor }));
      expect(outline(history.flatMap(({ acks }) => acks))).toEqual(DELIVERED_EVERYWHERE);
    });

    test('resumes from every cursor without a gap and without a repeat', async () => {
      const { client, stack } = scene;
      await stack.sandbox.setFault('billing', { status: 503, times: 3 });
      const events = Array.from({ length: EVENTS }, () => ({ id: randomUUID(), type: 'ProcessUpdated', key: 'p-1' }));
      const start = (await first(client.watchAcks({}))).cursor;
      for (const event of events) await collect(client.publish({ event, until: PublishUntil.ACCEPTED }));
      const settled = await client.publishAndWait(present(events.at(-1)));
      const count = EVENTS * 3 + 3;
      const all = await watch(start, count);
      expect(settled.settled).toBe(true);
      expect(new Set(all.map(({ cursor }) => cursor)).size).toBe(count);
      await Promise.all(
        all.map(async ({ cursor }, index) => {
          expect(withoutPlaces(await watch(cursor, count - index - 1))).toEqual(withoutPlaces(all.slice(index + 1)));
        }),
      );
    });

    test('returns recorded acks, then new ones', async () => {
      const { client } = scene;
      const events = Array.from({ length: EVENTS }, () => ({ id: randomUUID(), type: 'ProcessUpdated' }));
      const { cursor } = await first(client.watchAcks({}));
      const watched = watch(cursor, EVENTS * 3);
      await Promise.all(events.map((event) => client.publishAndWait(event)));
      const live = withoutPlaces(await watched);
      expect(live).toEqual(withoutPlaces(await watch(cursor, EVENTS * 3)));
    });

    test('by event ids sends their whole history and ends with them', async () => {
      const { client } = scene;
      const ids = [randomUUID(), randomUUID()];
      await Promise.all(ids.map((id) => client.publishAndWait({ id, type: 'ProcessUpdated' })));
      const messages = await Array.fromAsync(client.watchAcks({ eventIds: ids }));
      expect(messages[0]?.acks).toEqual([]);
      for (const id of ids) {
        const acks = messages.flatMap((message) => message.acks).filter(({ eventId }) => eventId === id);
        expect(outline(acks)).toEqual(DELIVERED_EVERYWHERE);
      }
    });

    test('by event ids waits for what is not settled, and omits what was seen', async () => {
      const { client, stack } = scene;
      const event = { id: randomUUID(), type: 'ProcessUpdated' };
      await stack.sandbox.setFault('records', { hang: true, match: { eventId: event.id } });
      const { accepted } = await collect(client.publish({ event, until: PublishUntil.ACCEPTED }));
      const seen: Ack[] = [];
      const { cursor } = await first(client.watchAcks({ cursor: accepted.cursor }), ({ acks }) => {
        seen.push(...acks.filter(({ eventId }) => eventId === event.id));
        return seen.some(({ adapter }) => adapter !== 'records');
      });
      const rest = Array.fromAsync(client.watchAcks({ eventIds: [event.id], cursor }));
      await stack.sandbox.waitForCalls(1, { system: 'records', eventId: event.id });
      await stack.sandbox.clearFaults();
      const acks = (await rest).flatMap((message) => message.acks);
      expect(outline(acks)).toContain('records DELIVERED');
      const history = (await Array.fromAsync(client.watchAcks({ eventIds: [event.id] }))).flatMap(
        (message) => message.acks,
      );
      expect(withoutPlaces([...seen, ...acks])).toEqual(withoutPlaces(history));
    });

    test('by an id that several sources have requires the source', async () => {
      const { client } = scene;
      const id = randomUUID();
      const sources = ['', 'clinic-1'];
      for (const source of sources) await client.publishAndWait({ id, source, type: 'ProcessUpdated' });
      await expect(first(client.watchAcks({ eventIds: [id] }))).rejects.toMatchObject({
        code: 'invalid_argument',
        reason: 'EVENT_AMBIGUOUS',
        fields: ['source'],
      });
      for (const source of sources) {
        const messages = await Array.fromAsync(client.watchAcks({ eventIds: [id], source }));
        const acks = messages.flatMap((message) => message.acks);
        expect(outline(acks)).toEqual(DELIVERED_EVERYWHERE);
        expect(new Set(acks.map((ack) => ack.source))).toEqual(new Set([source]));
      }
    });

    test('of an unknown event is NOT_FOUND', async () => {
      await expect(first(scene.client.watchAcks({ eventIds: [randomUUID()] }))).rejects.toMatchObject({
        code: 'not_found',
        reason: 'EVENT_NOT_FOUND',
      });
    });

    test('rejects a cursor ahead of the journal, as after a restore from a backup', async () => {
      const { acks } = await collect(scene.client.publish({ event: { type: 'ProcessUpdated' } }));
      const cursor = present(acks.at(-1)).cursor.replace(/\d+$/, (place) => String(Number(place) + 1_000_000));
      await expect(first(scene.client.watchAcks({ cursor }))).rejects.toMatchObject({ reason: 'CURSOR_INVALID' });
    });

    test.for(['nonsense', '0-1', ' ', '1e9'])('rejects the foreign cursor "%s"', async (cursor) => {
      await expect(first(scene.client.watchAcks({ cursor }))).rejects.toMatchObject({
        code: 'invalid_argument',
        reason: 'CURSOR_INVALID',
        fields: ['cursor'],
      });
    });

    test('rejects more than 1,000 event ids', async () => {
      const eventIds = Array.from({ length: 1_001 }, (_, index) => `e-${index}`);
      await expect(first(scene.client.watchAcks({ eventIds }))).rejects.toMatchObject({
        code: 'invalid_argument',
        reason: 'REQUEST_INVALID',
        fields: ['event_ids'],
      });
    });
  });
}

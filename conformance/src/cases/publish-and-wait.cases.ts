import { randomUUID } from 'node:crypto';
import { DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import { describe, expect, test } from 'vitest';
import { ADAPTERS, DELIVERED_EVERYWHERE, outline, withoutPlaces } from '../acks.ts';
import type { Scene } from '../scene.ts';
import { present } from '../sync-client.ts';

/** RFC 9562: version 7, and its variant. */
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export function describePublishAndWait(scene: Scene): void {
  describe('PublishAndWait', () => {
    test('delivers to every adapter, once', async () => {
      const { client, stack } = scene;
      const id = randomUUID();
      const { accepted, settled, acks } = await client.publishAndWait({ id, type: 'ProcessUpdated', key: 'p-1' });
      expect(accepted).toMatchObject({ eventId: id, adapters: ADAPTERS, duplicate: false });
      expect(settled).toBe(true);
      expect(outline(acks)).toEqual(DELIVERED_EVERYWHERE);
      for (const system of ['billing', 'records', 'scheduling'] as const) {
        const [call, ...more] = stack.sandbox.calls({ system, eventId: id });
        expect(more).toEqual([]);
        expect(call).toMatchObject({ key: 'p-1', type: 'ProcessUpdated', effect: true, answeredStatus: 200 });
        const ack = acks.find(({ adapter }) => adapter === system);
        expect(ack).toMatchObject({ eventId: id, attempt: 1, cycle: 1, adapterVersion: '0.1.0' });
        expect(ack?.receipt).toContain(present(call).receipt);
      }
    });

    test('generates a UUIDv7 for an event without an id', async () => {
      const publish = () => scene.client.publishAndWait({ type: 'ProcessUpdated' }, 0);
      const ids = [await publish(), await publish()].map(({ accepted }) => accepted?.eventId);
      for (const id of ids) expect(id).toMatch(UUID_V7);
      expect(ids[0]).not.toBe(ids[1]);
    });

    test('returns the original result for the same id and content, and calls no system again', async () => {
      const { client, stack } = scene;
      const event = {
        id: randomUUID(),
        type: 'ProcessUpdated',
        payload: { case: 'json', value: { b: 2, a: 1 } },
      } as const;
      const first = await client.publishAndWait(event);
      const attributes = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
      const again = await client.publishAndWait({ ...event, attributes });
      const { cursor } = present(again.accepted);
      expect(again.accepted).toEqual({ ...first.accepted, duplicate: true, cursor });
      expect(again.settled).toBe(true);
      expect(withoutPlaces(again.acks)).toEqual(withoutPlaces(first.acks));
      expect(stack.sandbox.countCalls({ eventId: event.id }).count).toBe(3);
    });

    test('rejects the same id with other content, and changes nothing', async () => {
      const { client, stack } = scene;
      const id = randomUUID();
      const first = await client.publishAndWait({ id, type: 'ProcessUpdated', key: 'p-1' });
      await expect(client.publishAndWait({ id, type: 'ProcessUpdated', key: 'p-2' })).rejects.toMatchObject({
        code: 'already_exists',
        reason: 'EVENT_ID_CONFLICT',
        domain: 'hms-sync',
        fields: ['event.id'],
      });
      expect(stack.sandbox.countCalls({ eventId: id }).count).toBe(3);
      const { event, deliveries } = await client.getEvent(id);
      expect(event?.key).toBe('p-1');
      expect(withoutPlaces(deliveries.map(({ latest }) => present(latest)))).toEqual(withoutPlaces(first.acks));
    });

    test('treats the same id from another source as another event, with its own idempotency key', async () => {
      const { client, stack } = scene;
      const id = randomUUID();
      const sources = ['', 'clinic-1', 'clinic-2'];
      for (const source of sources) {
        const { accepted, settled } = await client.publishAndWait({ id, source, type: 'ProcessUpdated', key: source });
        expect([accepted?.source, accepted?.duplicate, settled]).toEqual([source, false, true]);
      }
      const calls = await stack.sandbox.waitForCalls(9, { eventId: id });
      expect(new Set(calls.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(9);
      await expect(client.getEvent(id)).rejects.toMatchObject({ code: 'invalid_argument', reason: 'EVENT_AMBIGUOUS' });
      for (const source of sources) {
        const { event, deliveries } = await client.getEvent(id, source);
        expect(event?.key).toBe(source);
        expect(outline(deliveries.map(({ latest }) => present(latest)))).toEqual(DELIVERED_EVERYWHERE);
      }
    });

    test('returns the current states when an adapter needs longer than the wait', async () => {
      const { client, stack } = scene;
      const id = randomUUID();
      await stack.sandbox.setFault('records', { hang: true, match: { eventId: id } });
      const { settled, acks } = await client.publishAndWait({ id, type: 'ProcessUpdated' }, 400);
      expect(settled).toBe(false);
      expect(outline(acks)).toEqual(['billing DELIVERED', 'records WAITING', 'scheduling DELIVERED']);
      await stack.sandbox.clearFaults();
      const later = await client.publishAndWait({ id, type: 'ProcessUpdated' });
      expect(outline(later.acks)).toEqual(DELIVERED_EVERYWHERE);
    });

    test('returns at once with wait 0', async () => {
      const { client, stack } = scene;
      const id = randomUUID();
      await stack.sandbox.setFault('*', { hang: true, match: { eventId: id } });
      const { accepted, settled, acks } = await client.publishAndWait({ id, type: 'ProcessUpdated' }, 0);
      expect(accepted?.eventId).toBe(id);
      expect(settled).toBe(false);
      expect(acks.map(({ state }) => state)).toEqual(ADAPTERS.map(() => DeliveryState.WAITING));
    });

    test.for([-1, 60_001])('rejects a wait of %i ms and writes nothing', async (waitMs) => {
      const id = randomUUID();
      const refused = scene.client.publishAndWait({ id, type: 'ProcessUpdated' }, waitMs);
      await expect(refused).rejects.toMatchObject({
        code: 'invalid_argument',
        reason: 'REQUEST_INVALID',
        fields: ['wait'],
      });
      await expect(scene.client.getEvent(id)).rejects.toMatchObject({ code: 'not_found' });
    });
  });
}

import { randomUUID } from 'node:crypto';
import { DeliveryState, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import { PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { describe, expect, test } from 'vitest';
import { ADAPTERS, DELIVERED_EVERYWHERE, outline, withoutPlaces } from '../acks.ts';
import type { Scene } from '../scene.ts';
import { collect, present } from '../sync-client.ts';

export function describePublish(scene: Scene): void {
  describe('Publish', () => {
    const newEvent = () => ({ id: randomUUID(), type: 'ProcessUpdated' });

    test('sends Accepted, then DELIVERED for each adapter, then ends', async () => {
      const event = newEvent();
      const { accepted, acks } = await collect(scene.client.publish({ event }));
      expect(accepted).toMatchObject({ eventId: event.id, adapters: ADAPTERS, duplicate: false });
      expect(outline(acks)).toEqual(DELIVERED_EVERYWHERE);
      for (const ack of acks) expect(ack).toMatchObject({ attempt: 1, cycle: 1, adapterVersion: '0.1.0' });
      const { deliveries } = await scene.client.getEvent(event.id);
      expect(withoutPlaces(deliveries.map(({ latest }) => present(latest)))).toEqual(withoutPlaces(acks));
    });

    test('ends after Accepted if only that is requested', async () => {
      const { accepted, acks } = await collect(
        scene.client.publish({ event: newEvent(), until: PublishUntil.ACCEPTED }),
      );
      expect(accepted.adapters).toEqual(ADAPTERS);
      expect(acks).toEqual([]);
    });

    test('ends after the first attempt of each adapter if that is requested', async () => {
      const event = newEvent();
      await scene.stack.sandbox.setFault('records', { status: 503, match: { eventId: event.id } });
      const { acks } = await collect(scene.client.publish({ event, until: PublishUntil.FIRST_ATTEMPT }));
      expect(outline(acks.filter(({ adapter }) => adapter !== 'records'))).toEqual([
        'billing DELIVERED',
        'scheduling DELIVERED',
      ]);
      expect(acks.find(({ adapter }) => adapter === 'records')).toMatchObject({
        state: DeliveryState.RETRYING,
        attempt: 1,
      });
    });

    test('reports each failed attempt, why, and when the next one is due', async () => {
      const event = newEvent();
      await scene.stack.sandbox.setFault('records', { status: 503, times: 2, match: { eventId: event.id } });
      const { acks } = await collect(scene.client.publish({ event }));
      const [once, twice, done, ...more] = acks.filter(({ adapter }) => adapter === 'records');
      expect(more).toEqual([]);
      expect(done).toMatchObject({ state: DeliveryState.DELIVERED, attempt: 3 });
      expect(done?.error).toBeUndefined();
      for (const [ack, attempt] of [
        [present(once), 1],
        [present(twice), 2],
      ] as const) {
        expect(ack).toMatchObject({
          state: DeliveryState.RETRYING,
          attempt,
          error: { kind: OutcomeKind.RETRYABLE, code: 'HTTP_503' },
        });
        expect(ack.error?.message).toContain('503');
        const next = present(ack.nextAttemptTime);
        const ackTime = present(ack.time);
        const delayMs = Number(next.seconds - ackTime.seconds) * 1_000 + (next.nanos - ackTime.nanos) / 1e6;
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThanOrEqual(100);
      }
    });

    test('sends the original acks for a duplicate', async () => {
      const event = newEvent();
      const original = await collect(scene.client.publish({ event }));
      const again = await collect(scene.client.publish({ event }));
      const { cursor } = again.accepted;
      expect(again.accepted).toEqual({ ...original.accepted, duplicate: true, cursor });
      expect(withoutPlaces(again.acks)).toEqual(withoutPlaces(original.acks));
      // From there its history is read again.
      const history = await Array.fromAsync(scene.client.watchAcks({ eventIds: [event.id], cursor }));
      expect(withoutPlaces(history.flatMap(({ acks }) => acks))).toEqual(withoutPlaces(original.acks));
      expect(scene.stack.sandbox.countCalls({ eventId: event.id }).count).toBe(3);
    });

    test('follows a duplicate to the end while the first is being delivered', async () => {
      const { client, stack } = scene;
      const event = newEvent();
      await stack.sandbox.setFault('records', { hang: true, match: { eventId: event.id } });
      await collect(client.publish({ event, until: PublishUntil.ACCEPTED }));
      const following = collect(client.publish({ event }));
      await stack.sandbox.waitForCalls(1, { system: 'records', eventId: event.id });
      await stack.sandbox.clearFaults();
      const { accepted, acks } = await following;
      expect(accepted.duplicate).toBe(true);
      expect(outline(acks.filter(({ state }) => state === DeliveryState.DELIVERED))).toEqual(DELIVERED_EVERYWHERE);
    });

    test('rejects an id that was used for other content', async () => {
      const event = newEvent();
      await collect(scene.client.publish({ event }));
      await expect(collect(scene.client.publish({ event: { ...event, type: 'PolicyUpdated' } }))).rejects.toMatchObject(
        {
          code: 'already_exists',
          reason: 'EVENT_ID_CONFLICT',
        },
      );
    });
  });
}

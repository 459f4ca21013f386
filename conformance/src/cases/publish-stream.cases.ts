import { randomUUID } from 'node:crypto';
import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import { type PublishResult, PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { describe, expect, test } from 'vitest';
import { ADAPTERS, DELIVERED_EVERYWHERE, outline } from '../acks.ts';
import type { Scene } from '../scene.ts';
import type { EventInit } from '../sync-client.ts';

interface Batch {
  readonly events: EventInit[];
  readonly until?: PublishUntil;
}

export function describePublishStream(scene: Scene): void {
  describe('PublishStream', () => {
    const newEvent = (more: EventInit = {}) => ({ id: randomUUID(), type: 'ProcessUpdated', ...more });

    async function publishAll(batches: readonly Batch[]) {
      const results: PublishResult[] = [];
      const acks: Ack[] = [];
      for await (const message of scene.client.publishStream(inOrder(batches))) {
        results.push(...message.results);
        acks.push(...message.acks);
      }
      return { results, acks };
    }

    test('accepts many events in many messages and settles all of them before it ends', async () => {
      const batches = Array.from({ length: 10 }, () => ({ events: Array.from({ length: 20 }, () => newEvent()) }));
      const { results, acks } = await publishAll(batches);
      const events = batches.flatMap((batch) => batch.events);
      expect(results.map(({ index }) => Number(index))).toEqual(events.map((_, index) => index));
      expect(results.map(({ result }) => result.case === 'accepted' && result.value.eventId)).toEqual(
        events.map(({ id }) => id),
      );
      const byEvent = Map.groupBy(acks, ({ eventId }) => eventId);
      for (const { id } of events) expect(outline(byEvent.get(id) ?? [])).toEqual(DELIVERED_EVERYWHERE);
    });

    test('returns a rejected event as a result and continues', async () => {
      const taken = newEvent();
      const { results, acks } = await publishAll([
        { events: [newEvent(), newEvent({ type: '' }), taken] },
        { events: [{ ...taken, key: 'other' }, newEvent({ key: 'k'.repeat(257) }), taken, newEvent()] },
      ]);
      expect(
        results.map(({ index, result }) => {
          if (result.case !== 'refused') return [Number(index), result.case, result.value?.duplicate];
          const { code, reason, fields } = result.value;
          return [Number(index), code, reason, fields.map(({ field }) => field)];
        }),
      ).toEqual([
        [0, 'accepted', false],
        [1, 3, 'EVENT_INVALID', ['event.type']],
        [2, 'accepted', false],
        [3, 6, 'EVENT_ID_CONFLICT', ['event.id']],
        [4, 3, 'EVENT_INVALID', ['event.key']],
        [5, 'accepted', true],
        [6, 'accepted', false],
      ]);
      // The duplicate asked for the acks of its event too: those are sent twice.
      expect(acks).toHaveLength(4 * ADAPTERS.length);
    });

    test('sends acks only for the messages that request them', async () => {
      const quiet = [newEvent(), newEvent()];
      const wanted = newEvent();
      const { results, acks } = await publishAll([
        { events: quiet, until: PublishUntil.ACCEPTED },
        { events: [wanted], until: PublishUntil.SETTLED },
      ]);
      expect(results).toHaveLength(3);
      expect(new Set(acks.map(({ eventId }) => eventId))).toEqual(new Set([wanted.id]));
    });

    test('rejects a message of more than 1,000 events', async () => {
      const events = Array.from({ length: 1_001 }, () => newEvent());
      await expect(publishAll([{ events }])).rejects.toMatchObject({
        code: 'invalid_argument',
        reason: 'REQUEST_INVALID',
        fields: ['events'],
      });
    });

    test('ends at once if no event is sent', async () => {
      expect(await publishAll([])).toEqual({ results: [], acks: [] });
    });
  });
}

async function* inOrder<Item>(items: readonly Item[]): AsyncIterable<Item> {
  yield* items;
}

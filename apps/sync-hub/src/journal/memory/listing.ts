import type { DeadLetterOfKey } from '../../core/held-keys.ts';
import { createMatcher, type DeliveryFilter } from '../delivery-filter.ts';
import {
  compareOldestFirst,
  comparePositions,
  type DeliveryCount,
  type DeliveryPage,
  type DeliveryPosition,
  type ListDeliveriesRequest,
  type ListedDelivery,
} from '../delivery-page.ts';
import type { ReplayJob } from '../replay-job.ts';
import type { DeadLetter } from '../replay-step.ts';
import type { MemoryDisk } from './memory-disk.ts';

interface MatchingRequest {
  readonly filter: DeliveryFilter;
  readonly after?: DeliveryPosition | undefined;
}

export function listMatching(disk: MemoryDisk, { limit, ...request }: ListDeliveriesRequest): DeliveryPage {
  const deliveries = matching(disk, request).slice(0, limit);
  const last = deliveries.length === limit ? deliveries.at(-1) : undefined;
  return { deliveries, next: last && { seq: last.seq, adapter: last.adapter } };
}

export function countMatching(disk: MemoryDisk, request: MatchingRequest): DeliveryCount {
  return { count: matching(disk, request).length, next: undefined };
}

/** The dead letters of an adapter that have a key, oldest first. */
export function deadLetterKeys(disk: MemoryDisk, adapter: string): readonly DeadLetterOfKey[] {
  return disk.events.flatMap(({ event: { key, seq }, deliveries }) => {
    return key !== '' && deliveries.get(adapter)?.state === 'dead_lettered' ? [{ key, seq }] : [];
  });
}

/** The dead letters that a job can mean by adapter and event, after its position, oldest first: as an index finds them. */
export function deadLettersAfter(disk: MemoryDisk, { filter, position }: ReplayJob): readonly DeadLetter[] {
  const { adapters = [], eventIds = [] } = filter;
  const isNear = createMatcher({ adapters, eventIds, states: ['dead_lettered'] });
  const matches = createMatcher({ ...filter, states: ['dead_lettered'] });
  return allDeliveries(disk)
    .filter((delivery) => isNear({ ...delivery, lastOutcome: undefined }))
    .filter((delivery) => position === undefined || compareOldestFirst(delivery, position) > 0)
    .sort(compareOldestFirst)
    .map((delivery) => ({
      ...delivery,
      cursor: delivery.latest?.cursor ?? 0,
      isMeant: matches({ ...delivery, lastOutcome: delivery.latest?.attempt?.outcome }),
    }));
}

function matching(disk: MemoryDisk, { filter, after }: MatchingRequest): readonly ListedDelivery[] {
  const matches = createMatcher(filter);
  return allDeliveries(disk)
    .filter((delivery) => matches({ ...delivery, lastOutcome: delivery.latest?.attempt?.outcome }))
    .filter((delivery) => after === undefined || comparePositions(delivery, after) > 0)
    .sort(comparePositions);
}

function allDeliveries(disk: MemoryDisk): readonly ListedDelivery[] {
  return disk.events.flatMap(({ event, deliveries }) =>
    [...deliveries.values()].map(({ notBeforeMs: _, records, ...delivery }) => {
      const { seq, id: eventId, type, key, acceptedAtMs } = event;
      return { ...delivery, seq, eventId, type, key, acceptedAtMs, latest: records.at(-1) };
    }),
  );
}

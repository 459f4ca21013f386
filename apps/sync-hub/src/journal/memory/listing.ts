import { createMatcher, type DeliveryFilter } from '../delivery-filter.ts';
import {
  comparePositions,
  type DeliveryCount,
  type DeliveryPage,
  type DeliveryPosition,
  type ListDeliveriesRequest,
  type ListedDelivery,
} from '../delivery-page.ts';
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

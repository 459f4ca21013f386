import type { DeliveryCounts, DeliveryState, RecordedDelivery } from '../core/delivery.ts';
import type { DeliveryFilter } from './delivery-filter.ts';

/** A place in the order of lists: events newest first, those of one event in alphabetical order of the adapters. */
export interface DeliveryPosition {
  readonly seq: number;
  readonly adapter: string;
}

export interface ListDeliveriesRequest {
  readonly filter: DeliveryFilter;
  /** At most this many. */
  readonly limit: number;
  /** Only those that come later in the order: `next` of the page before. Absent: from the newest on. */
  readonly after?: DeliveryPosition;
}

export interface DeliveryPage {
  /** Newest first. May be fewer than the limit, even none, while there is a next page: a request looks at some thousands. */
  readonly deliveries: readonly ListedDelivery[];
  /** Where to go on; undefined once everything was looked at. */
  readonly next: DeliveryPosition | undefined;
}

/** How many match, of those that were looked at. */
export interface DeliveryCount {
  readonly count: number;
  readonly next: DeliveryPosition | undefined;
}

/** A delivery as it is listed. Holds no payload. */
export interface ListedDelivery extends DeliveryCounts, DeliveryPosition {
  readonly eventId: string;
  readonly source: string;
  readonly type: string;
  readonly key: string;
  readonly acceptedAtMs: number;
  readonly state: DeliveryState;
  /** It is open, and an earlier delivery of its key waits: for its next attempt, or for an operator. */
  readonly isHeldByKey: boolean;
  /** When it was last replayed; undefined when it never was. */
  readonly reopenedAtMs: number | undefined;
  /** Its newest record, of this cycle or the one before; undefined when it has none. */
  readonly latest: RecordedDelivery | undefined;
}

/** Negative when the left one is sent again before the right one: events oldest first. */
export function compareOldestFirst(left: DeliveryPosition, right: DeliveryPosition): number {
  return left.seq === right.seq ? comparePositions(left, right) : left.seq - right.seq;
}

/** Negative when the left one is listed before the right one. */
export function comparePositions(left: DeliveryPosition, right: DeliveryPosition): number {
  if (left.seq !== right.seq) return right.seq - left.seq;
  if (left.adapter === right.adapter) return 0;
  return left.adapter < right.adapter ? -1 : 1;
}

import type { DeliveryCounts, DeliveryRecord, DeliveryState, RecordedDelivery } from '../core/delivery.ts';

export interface DiscardRequest {
  readonly adapter: string;
  readonly seq: number;
  /** By the hub's clock. */
  readonly atMs: number;
  /** Why, and who says so: kept with the record. */
  readonly reason: string;
}

export type DiscardResult =
  /** It is given up for good. The observer was told of the record. */
  | { readonly kind: 'discarded'; readonly record: RecordedDelivery }
  /** It is none, or none any more. Nothing was changed. */
  | { readonly kind: 'not_dead_letter'; readonly state: DeliveryState }
  /** There never was such a delivery, or it was deleted after its time. */
  | { readonly kind: 'unknown' };

/** What is recorded of a dead letter that is given up: its counts stay as they were. */
export function discardRecord(request: DiscardRequest & { eventId: string; counts: DeliveryCounts }): DeliveryRecord {
  const { adapter, seq, eventId, counts, atMs, reason } = request;
  return {
    adapter,
    seq,
    eventId,
    adapterVersion: '',
    state: 'discarded',
    cycle: counts.cycle,
    attempts: counts.attempts,
    spent: counts.spent,
    crashes: counts.crashes,
    atMs,
    nextAttemptAtMs: 0,
    reason,
  };
}

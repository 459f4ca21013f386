import type { DeliveryCounts, DeliveryRecord, DeliveryState } from '../core/delivery.ts';
import type { SyncEvent } from '../core/event.ts';

export interface DiscardRequest {
  readonly adapter: string;
  readonly seq: number;
  /** By the hub's clock. */
  readonly atMs: number;
  readonly nowMs: number;
  /** Why, and who says so: kept with the record. */
  readonly reason: string;
}

export type DiscardResult =
  /** It is discarded permanently; its record was reported with the commit. */
  | { readonly kind: 'discarded' }
  /** It is settled otherwise. Nothing was changed. */
  | { readonly kind: 'settled'; readonly state: DeliveryState }
  /** There never was such a delivery, or it was deleted after its time. */
  | { readonly kind: 'unknown' };

/** What is recorded of a delivery that is settled without an attempt: its counts stay as they were. */
export function unattemptedRecord(
  { adapter, seq, atMs, reason }: Pick<DiscardRequest, 'adapter' | 'seq' | 'atMs' | 'reason'>,
  { id, source, key }: Pick<SyncEvent, 'id' | 'source' | 'key'>,
  { cycle, attempts, spent, crashes }: DeliveryCounts,
  state: 'discarded' | 'dead_lettered',
): DeliveryRecord {
  const counts = { cycle, attempts, spent, crashes };
  const event = { seq, eventId: id, source, key };
  return { adapter, ...event, adapterVersion: '', state, ...counts, atMs, nextAttemptAtMs: 0, reason };
}

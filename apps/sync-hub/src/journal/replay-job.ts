import type { DeliveryFilter } from './delivery-filter.ts';
import type { DeliveryPosition } from './delivery-page.ts';

/** Dead letters that an operator asked to send again, and how far the hub is with it. */
export interface ReplayJob {
  readonly id: string;
  readonly state: 'running' | 'done' | 'cancelled';
  readonly filter: DeliveryFilter;
  readonly ratePerSecond: number;
  /** Why it was asked for. */
  readonly reason: string;
  /** Also those whose key has a newer delivered event. */
  readonly includeStale: boolean;
  /** Also those that were replayed before. */
  readonly includeReplayed: boolean;
  readonly createdAtMs: number;
  /** Of each lane the newest record then: only what was a dead letter by then is sent, not what dies again after it. */
  readonly upTo: Readonly<Record<string, number>>;
  /** Deliveries that matched when it was made. */
  readonly matched: number;
  readonly skippedStale: number;
  readonly skippedReplayed: number;
  readonly sent: number;
  /** Everything up to here was looked at, the oldest first; absent before the first. */
  readonly position?: DeliveryPosition;
}

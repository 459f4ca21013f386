import { randomBytes } from 'node:crypto';
import type { RecordedDelivery } from '../../core/delivery.ts';
import type { AcceptedEvent } from '../../core/event.ts';
import type { StoredBreaker, StoredDelivery, StoredLane } from '../journal.ts';
import type { ReplayJob } from '../replay-job.ts';

export interface EventOnDisk {
  readonly event: AcceptedEvent;
  readonly contentHash: Uint8Array;
  readonly lastCursor: number;
  readonly deliveries: Map<string, DeliveryOnDisk>;
}

export interface DeliveryOnDisk extends Omit<StoredDelivery, 'hasOlderRecords'> {
  /** All of them, oldest first. */
  readonly records: readonly RecordedDelivery[];
  readonly notBeforeMs: number;
  readonly reopenedAtMs: number | undefined;
}

/** A key that had a dead letter at an adapter, and the newest event of it that was delivered there since. */
export interface WatchedKey {
  readonly adapter: string;
  readonly key: string;
  readonly newestDeliveredSeq: number;
}

/** What a memory journal has committed. Lives on when the journal is closed or killed; open it again with it. */
export class MemoryDisk {
  readonly id: string = randomBytes(4).toString('hex');
  readonly eventsById = new Map<string, EventOnDisk>();
  /** The event with seq n is at n - 1; a deleted one leaves a hole. */
  readonly events: EventOnDisk[] = [];
  /** The record with cursor n is at n - 1; a deleted one leaves a hole. */
  readonly records: RecordedDelivery[] = [];
  /** Those that ever had a delivery, also when it was deleted since. */
  readonly adapters = new Set<string>();
  readonly breakers = new Map<string, StoredBreaker>();
  readonly watchedKeys: WatchedKey[] = [];
  readonly jobs = new Map<string, ReplayJob>();
  readonly pausedLanes = new Map<string, StoredLane>();
  /** Set it to have new events refused, as a disk without room does. */
  isFull = false;
  /** True while a journal has it. */
  isOpen = false;
}

import { randomBytes } from 'node:crypto';
import type { RecordedDelivery } from '../../core/delivery.ts';
import type { AcceptedEvent } from '../../core/event.ts';
import type { StoredBreaker, StoredDelivery } from '../journal.ts';

export interface EventOnDisk {
  readonly event: AcceptedEvent;
  readonly contentHash: Uint8Array;
  readonly lastCursor: number;
  readonly deliveries: Map<string, DeliveryOnDisk>;
}

export interface DeliveryOnDisk extends StoredDelivery {
  readonly notBeforeMs: number;
}

/** What a memory journal has committed. Lives on when the journal is closed or killed; open it again with it. */
export class MemoryDisk {
  readonly id: string = randomBytes(4).toString('hex');
  readonly eventsById = new Map<string, EventOnDisk>();
  /** The event with seq n is at n - 1. */
  readonly events: EventOnDisk[] = [];
  /** The record with cursor n is at n - 1. */
  readonly records: RecordedDelivery[] = [];
  readonly breakers = new Map<string, StoredBreaker>();
  /** Set it to have new events refused, as a disk without room does. */
  isFull = false;
  /** True while a journal has it. */
  isOpen = false;
}

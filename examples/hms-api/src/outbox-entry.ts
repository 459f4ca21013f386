import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type SyncEvent, SyncEventSchema } from '@hms-sync/proto/hms/sync/v1/event';
import type { Process } from './process.ts';

/** A saved change that the hub has not accepted yet. Holds all that the event is made of. */
export interface OutboxEntry {
  /** The process as it was saved by this change. */
  process: Process;
  /** When it was saved, RFC 3339. */
  savedAt: string;
  /** Why the hub refused the event permanently; absent while it may still be published. Waits for an operator. */
  refused?: string;
}

/**
 * The event of a saved change. The same entry makes the same event each time, id, time and data: that is what makes
 * publishing it again a duplicate and not a second event.
 */
export function eventOf({ process, savedAt }: OutboxEntry): SyncEvent {
  return create(SyncEventSchema, {
    id: `process/${process.id}/${process.version}`,
    source: 'hms-api',
    type: 'ProcessUpdated',
    // Changes of one process reach each external system in the order in which they were saved.
    key: process.id,
    time: timestampFromDate(new Date(savedAt)),
    payload: { case: 'data', value: new TextEncoder().encode(JSON.stringify({ ...process, processId: process.id })) },
    dataContentType: 'application/json',
  });
}

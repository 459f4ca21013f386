import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import type { Progress } from '../../acks/progress.ts';
import type { AcceptedEvent } from '../../core/event.ts';
import type { StoredDelivery } from '../../journal/journal.ts';
import type { Lanes } from '../../lanes/lanes.ts';
import type { Cursors } from '../cursor.ts';
import { waitingAck } from './ack-message.ts';

export interface HeldNowOptions {
  readonly lanes: Pick<Lanes, 'heldBy'>;
  readonly cursors: Cursors;
  readonly wallMs: () => number;
}

/** An event that somebody waits for, and what of it is stored; nothing when it is new. */
export interface AwaitedEvent {
  readonly event: AcceptedEvent;
  readonly progress: Progress;
  readonly stored: readonly StoredDelivery[];
  /** Everything on record up to this place was told to whoever waits. */
  readonly toldCursor: number;
}

/** HELD for each awaited delivery that is held at this moment: it was told before anybody listened. */
export function heldNow({ lanes, cursors, wallMs }: HeldNowOptions, awaited: AwaitedEvent): readonly Ack[] {
  const { event, progress, stored, toldCursor } = awaited;
  return event.adapters.flatMap((adapter) => {
    const heldBy = progress.isPending(adapter) ? lanes.heldBy(adapter, event) : undefined;
    if (heldBy === undefined) return [];
    const { attempts, cycle } = stored.find((delivery) => delivery.adapter === adapter) ?? { attempts: 0, cycle: 1 };
    const cursor = cursors.encode(toldCursor);
    return [waitingAck({ eventId: event.id, adapter, attempts, cycle, atMs: wallMs(), heldBy, cursor })];
  });
}

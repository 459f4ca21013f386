import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import type { DeliveryState, RecordedDelivery } from '../../core/delivery.ts';
import type { HeldBy } from '../../core/lane.ts';
import type { Cursors } from '../cursor.ts';
import { recordAck, waitingAck } from './ack-message.ts';

/** A delivery as the journal and its lane know it now. */
export interface StandingDelivery {
  readonly eventId: string;
  readonly acceptedAtMs: number;
  readonly adapter: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly cycle: number;
  /** Its newest record, of this cycle or the one before; undefined when it has none. */
  readonly latest: RecordedDelivery | undefined;
  /** What holds it; undefined when nothing does, or it is settled. */
  readonly heldBy: HeldBy | undefined;
}

/** What is on record, unless something holds the delivery now. */
export function latestAck(delivery: StandingDelivery, { cursors }: { readonly cursors: Cursors }): Ack {
  const { eventId, acceptedAtMs, adapter, state, attempts, cycle, latest, heldBy } = delivery;
  if (latest !== undefined && state !== 'waiting' && heldBy === undefined) return recordAck(latest, cursors);
  const ack = waitingAck({
    eventId,
    adapter,
    attempts,
    cycle,
    atMs: latest?.atMs ?? acceptedAtMs,
    heldBy,
    cursor: latest === undefined ? '' : cursors.encode(latest.cursor),
  });
  // Held is not all that an operator wants to know: what went wrong last is told with it.
  const failed = latest?.cycle === cycle ? latest.attempt : undefined;
  if (latest === undefined || failed?.failure === undefined) return ack;
  const { error, adapterVersion } = recordAck(latest, cursors);
  return { ...ack, ...(error !== undefined && { error }), adapterVersion };
}

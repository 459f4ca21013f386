import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import type { DeliveryState, RecordedDelivery } from '../../core/delivery.ts';
import type { HeldBy } from '../../core/lane-messages.ts';
import { MovingPlace, type Positions } from '../../journal/positions.ts';
import type { Cursors } from '../cursor.ts';
import { recordAck, waitingAck } from './ack-message.ts';

/** A delivery as the journal and its lane know it now. */
export interface CurrentDelivery {
  readonly eventId: string;
  readonly source: string;
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

export interface LatestAckOptions {
  readonly cursors: Cursors;
  /** The place after the newest record when the deliveries were asked for. */
  readonly place: Positions;
}

/**
 * What is on record, unless something holds the delivery now. Its cursor lies right after its record, and in the records
 * of other adapters where they were when it was asked for: watched from there, nothing newer is missed.
 */
export function latestAck(delivery: CurrentDelivery, { cursors, place }: LatestAckOptions): Ack {
  const { eventId, source, acceptedAtMs, adapter, state, attempts, cycle, latest, heldBy } = delivery;
  const cursor = latest === undefined ? '' : cursors.encode(placeOf(latest, place));
  if (latest !== undefined && state !== 'waiting' && heldBy === undefined) return recordAck(latest, cursor);
  const atMs = latest?.atMs ?? acceptedAtMs;
  const ack = waitingAck({ eventId, source, adapter, attempts, cycle, atMs, heldBy, cursor });
  // Held is not all that an operator wants to know: what failed last is returned with it.
  const failed = latest?.cycle === cycle ? latest.attempt : undefined;
  if (latest === undefined || failed?.failure === undefined) return ack;
  const { error, adapterVersion } = recordAck(latest, cursor);
  return { ...ack, ...(error !== undefined && { error }), adapterVersion };
}

function placeOf(record: RecordedDelivery, place: Positions): Positions {
  const moving = new MovingPlace(place);
  moving.move(record);
  return moving.positions;
}

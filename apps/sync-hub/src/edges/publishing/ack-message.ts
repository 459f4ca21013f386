import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type Ack,
  AckSchema,
  type DeliveryErrorSchema,
  DeliveryState,
  HeldBy as HeldByMessage,
  OutcomeKind as OutcomeKindMessage,
} from '@hms-sync/proto/hms/sync/v1/ack';
import { type Principal, seesAckDetails } from '../../access/principal.ts';
import type { DeliveryUpdate } from '../../acks/delivery-update.ts';
import type { RecordedDelivery, DeliveryState as StateOfDelivery } from '../../core/delivery.ts';
import type { HeldBy } from '../../core/lane-messages.ts';
import type { Failure, OutcomeKind } from '../../core/outcome.ts';
import { MovingPlace, type Positions } from '../../journal/positions.ts';
import type { Cursors } from '../cursor.ts';

export const DELIVERY_STATES: Readonly<Record<StateOfDelivery | 'held', DeliveryState>> = {
  waiting: DeliveryState.WAITING,
  retrying: DeliveryState.RETRYING,
  held: DeliveryState.HELD,
  delivered: DeliveryState.DELIVERED,
  skipped: DeliveryState.SKIPPED,
  dead_lettered: DeliveryState.DEAD_LETTERED,
  discarded: DeliveryState.DISCARDED,
};

const HELD_BY: Readonly<Record<HeldBy, HeldByMessage>> = {
  breaker: HeldByMessage.BREAKER,
  paused: HeldByMessage.PAUSED,
  key: HeldByMessage.KEY,
  not_ready: HeldByMessage.NOT_READY,
  throttled: HeldByMessage.THROTTLED,
};

export const OUTCOME_KINDS: Readonly<Record<OutcomeKind, OutcomeKindMessage>> = {
  delivered: OutcomeKindMessage.DELIVERED,
  retryable: OutcomeKindMessage.RETRYABLE,
  throttled: OutcomeKindMessage.THROTTLED,
  permanent: OutcomeKindMessage.PERMANENT,
  misconfigured: OutcomeKindMessage.MISCONFIGURED,
  timed_out: OutcomeKindMessage.TIMED_OUT,
  crashed: OutcomeKindMessage.CRASHED,
};

/** @param cursor of the place right after it; HELD has none of its own, and carries that of what was reported before */
export function toAck(update: DeliveryUpdate, cursor: string): Ack {
  return update.kind === 'recorded' ? recordAck(update.record, cursor) : waitingAck(update.held, cursor);
}

/** An ack, or an attempt, as a caller may see it: what the external system answered is not for every publisher. */
export function shownTo<Shown extends Pick<Ack, 'receipt' | 'error'>>(caller: Principal, shown: Shown): Shown {
  if (seesAckDetails(caller)) return shown;
  return { ...shown, receipt: '', ...(shown.error !== undefined && { error: { ...shown.error, message: '' } }) };
}

/** What was recorded, as an ack. */
export function recordAck(record: RecordedDelivery, cursor: string): Ack {
  const { attempt, state } = record;
  const error = recordError(record);
  return create(AckSchema, {
    eventId: record.eventId,
    source: record.source,
    adapter: record.adapter,
    adapterVersion: record.adapterVersion,
    state: DELIVERY_STATES[state],
    attempt: record.attempts,
    time: timestampFromMs(record.atMs),
    ...(record.nextAttemptAtMs > 0 && { nextAttemptTime: timestampFromMs(record.nextAttemptAtMs) }),
    ...(error !== undefined && { error }),
    receipt: attempt?.receipt ?? '',
    cursor,
    cycle: record.cycle,
  });
}

/** A delivery that has not ended, and what holds it. */
interface WaitingDelivery {
  readonly eventId: string;
  readonly source: string;
  readonly adapter: string;
  readonly attempts: number;
  readonly cycle: number;
  readonly atMs: number;
  /** Undefined: it waits for nothing but its turn. */
  readonly heldBy: HeldBy | undefined;
}

function waitingAck({ eventId, source, adapter, attempts, cycle, atMs, heldBy }: WaitingDelivery, cursor: string): Ack {
  return create(AckSchema, {
    eventId,
    source,
    adapter,
    state: DELIVERY_STATES[heldBy === undefined ? 'waiting' : 'held'],
    attempt: attempts,
    time: timestampFromMs(atMs),
    ...(heldBy !== undefined && { heldBy: HELD_BY[heldBy] }),
    cursor,
    cycle,
  });
}

export function deliveryError(
  kind: OutcomeKind,
  { code, message }: Failure,
): MessageInitShape<typeof DeliveryErrorSchema> {
  return { kind: OUTCOME_KINDS[kind], code, message };
}

/** Why it is not delivered: how its attempt failed, or why there was none. */
function recordError({ state, attempt, reason }: RecordedDelivery) {
  if (state !== 'retrying' && state !== 'dead_lettered') return undefined;
  if (attempt?.failure !== undefined) return deliveryError(attempt.outcome, attempt.failure);
  if (attempt !== undefined || reason === undefined) return undefined;
  return { kind: OutcomeKindMessage.UNSPECIFIED, code: 'NOT_SENT', message: reason };
}

/** A delivery as the journal and its lane know it now. */
export interface CurrentDelivery {
  readonly eventId: string;
  readonly source: string;
  readonly acceptedAtMs: number;
  readonly adapter: string;
  readonly state: StateOfDelivery;
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
  const { acceptedAtMs, state, cycle, latest, heldBy } = delivery;
  const cursor = latest === undefined ? '' : cursors.encode(placeOf(latest, place));
  if (latest !== undefined && state !== 'waiting' && heldBy === undefined) return recordAck(latest, cursor);
  const ack = waitingAck({ ...delivery, atMs: latest?.atMs ?? acceptedAtMs }, cursor);
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

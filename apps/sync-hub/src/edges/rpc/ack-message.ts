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
import type { DeliveryUpdate, HeldDelivery } from '../../acks/delivery-update.ts';
import type { RecordedDelivery, RecordedState } from '../../core/delivery.ts';
import type { HeldBy } from '../../core/lane-messages.ts';
import type { Failure, OutcomeKind } from '../../core/outcome.ts';

const STATES: Readonly<Record<RecordedState, DeliveryState>> = {
  retrying: DeliveryState.RETRYING,
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
  return update.kind === 'recorded' ? recordAck(update.record, cursor) : heldAck(update.held, cursor);
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
    state: STATES[state],
    attempt: record.attempts,
    time: timestampFromMs(record.atMs),
    ...(record.nextAttemptAtMs > 0 && { nextAttemptTime: timestampFromMs(record.nextAttemptAtMs) }),
    ...(error !== undefined && { error }),
    receipt: attempt?.receipt ?? '',
    cursor,
    cycle: record.cycle,
  });
}

/** A delivery that waits for nothing but its turn, or for what holds it. */
export function waitingAck(waiting: {
  eventId: string;
  source: string;
  adapter: string;
  attempts: number;
  cycle: number;
  atMs: number;
  heldBy: HeldBy | undefined;
  cursor: string;
}): Ack {
  const { heldBy } = waiting;
  return create(AckSchema, {
    eventId: waiting.eventId,
    source: waiting.source,
    adapter: waiting.adapter,
    state: heldBy === undefined ? DeliveryState.WAITING : DeliveryState.HELD,
    attempt: waiting.attempts,
    time: timestampFromMs(waiting.atMs),
    ...(heldBy !== undefined && { heldBy: HELD_BY[heldBy] }),
    cursor: waiting.cursor,
    cycle: waiting.cycle,
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

function heldAck(held: HeldDelivery, cursor: string): Ack {
  return create(AckSchema, {
    eventId: held.eventId,
    source: held.source,
    adapter: held.adapter,
    state: DeliveryState.HELD,
    attempt: held.attempts,
    time: timestampFromMs(held.atMs),
    heldBy: HELD_BY[held.heldBy],
    cursor,
    cycle: held.cycle,
  });
}

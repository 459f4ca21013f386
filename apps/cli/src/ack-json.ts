import { type Ack, type DeliveryError, DeliveryState, HeldBy, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import type { Accepted } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { enumName, isoTime } from './words.ts';

/** An acceptance as one JSON object, its state being the one that no ack has: "ACCEPTED". */
export function acceptedJson(accepted: Accepted): Record<string, unknown> {
  return {
    event_id: accepted.eventId,
    source: accepted.source || undefined,
    state: 'ACCEPTED',
    adapters: accepted.adapters,
    duplicate: accepted.duplicate,
    cursor: accepted.cursor,
    warnings: accepted.warnings.length > 0 ? accepted.warnings : undefined,
  };
}

/** An ack as one JSON object; members that say nothing in its state are left out. */
export function ackJson(ack: Ack): Record<string, unknown> {
  return {
    event_id: ack.eventId,
    source: ack.source || undefined,
    adapter: ack.adapter,
    state: enumName(DeliveryState, ack.state),
    attempt: ack.attempt,
    cycle: ack.cycle,
    time: isoTime(ack.time),
    adapter_version: ack.adapterVersion || undefined,
    next_attempt_time: isoTime(ack.nextAttemptTime),
    held_by: ack.heldBy === HeldBy.UNSPECIFIED ? undefined : enumName(HeldBy, ack.heldBy),
    error: errorJson(ack.error),
    receipt: ack.state === DeliveryState.DELIVERED ? ack.receipt : undefined,
    cursor: ack.cursor,
  };
}

/** A delivery's failure as one JSON object; undefined when there was none. */
export function errorJson(error: DeliveryError | undefined): Record<string, unknown> | undefined {
  if (error === undefined) return undefined;
  // Where no attempt was made there is no kind.
  const kind = error.kind === OutcomeKind.UNSPECIFIED ? undefined : enumName(OutcomeKind, error.kind);
  return { kind, code: error.code, message: error.message };
}

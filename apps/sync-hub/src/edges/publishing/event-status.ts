import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import type { SyncEventSchema } from '@hms-sync/proto/hms/sync/v1/event';
import { AttemptSchema, type GetEventResponseSchema } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { type Principal, permits, seesAdapter } from '../../access/principal.ts';
import type { Acks } from '../../acks/acks.ts';
import { isOpen, type RecordedDelivery } from '../../core/delivery.ts';
import type { EventReference, Journal, StoredDelivery } from '../../journal/journal.ts';
import { idempotencyKey } from '../../lanes/idempotency-key.ts';
import type { LaneSet } from '../../lanes/lane-set.ts';
import type { Cursors } from '../cursor.ts';
import { deliveryError, latestAck, OUTCOME_KINDS, shownTo } from './ack-message.ts';
import { fromSyncEvent } from './event-message.ts';
import { readVisible } from './found-event.ts';

/** The status of an event: what GetEvent answers. */
export interface EventStatus {
  readonly response: MessageInitShape<typeof GetEventResponseSchema>;
  /** The event without its payload. */
  readonly envelope: MessageInitShape<typeof SyncEventSchema>;
  /** True when every delivery is terminal. */
  readonly settled: boolean;
  /** The latest ack of each adapter, in alphabetical order. */
  readonly acks: readonly Ack[];
}

export interface EventStatusOptions {
  readonly journal: Pick<Journal, 'readEvent'>;
  readonly acks: Pick<Acks, 'place'>;
  readonly lanes: LaneSet;
  readonly cursors: Cursors;
}

/**
 * Reads the status of an event. Its attempts are those that the journal reads of an event, READ_RECORDS_MAX at most: with
 * the longest errors in the widest letters about 1 MiB, beside the payload, and clients accept 4 MiB.
 *
 * @throws {RequestError} EVENT_NOT_FOUND, EVENT_AMBIGUOUS
 */
export async function readStatus(
  options: EventStatusOptions,
  named: EventReference,
  caller: Principal,
): Promise<EventStatus> {
  const { journal, acks: known, lanes, cursors } = options;
  const { place } = known;
  const { event, deliveries: all } = await readVisible(journal, named, caller);
  const deliveries = all.filter(({ adapter }) => seesAdapter(caller, adapter));
  const { id: eventId, source, acceptedAtMs } = event;
  const acks = deliveries.map((delivery) => {
    const { adapter, state, isHeldByKey, records } = delivery;
    const byKey = isHeldByKey ? 'key' : undefined;
    const heldBy = isOpen(state) ? (lanes.heldBy(adapter, event) ?? byKey) : undefined;
    const current = { ...delivery, eventId, source, acceptedAtMs, latest: records.at(-1), heldBy };
    return shownTo(caller, latestAck(current, { cursors, place }));
  });
  const message = fromSyncEvent(event);
  return {
    envelope: { ...message, payload: { case: undefined } },
    response: {
      event: message,
      acceptedTime: timestampFromMs(event.acceptedAtMs),
      // Not for other publishers of the source.
      publishedBy: permits(caller, 'deliveries.read') ? event.publishedBy : '',
      deliveries: deliveries.map((delivery, index) => ({
        ...(acks[index] !== undefined && { latest: acks[index] }),
        idempotencyKey: idempotencyKey(event, delivery.adapter),
        attempts: delivery.records
          .filter(({ attempt }) => attempt !== undefined)
          .map((record) => shownTo(caller, toAttempt(record))),
        attemptsLeftOut: attemptsLeftOut(delivery),
      })),
    },
    settled: deliveries.every(({ state }) => !isOpen(state)),
    acks,
  };
}

/**
 * Of the first cycle that is returned as many as its first record says; those of the cycles before it are not counted. At
 * least one, when older records are left out, so that it is seen.
 */
function attemptsLeftOut({ records, hasOlderRecords }: StoredDelivery): number {
  const [oldest] = records;
  if (oldest === undefined || !hasOlderRecords) return 0;
  return Math.max(1, oldest.attempts - (oldest.attempt === undefined ? 0 : 1));
}

function toAttempt({ attempts, cycle, adapterVersion, attempt }: RecordedDelivery) {
  return create(AttemptSchema, {
    number: attempts,
    cycle,
    adapterVersion,
    ...(attempt !== undefined && {
      startTime: timestampFromMs(attempt.startedAtMs),
      duration: durationFromMs(Math.round(attempt.durationMs)),
      outcome: OUTCOME_KINDS[attempt.outcome],
      receipt: attempt.receipt,
      ...(attempt.failure !== undefined && { error: deliveryError(attempt.outcome, attempt.failure) }),
    }),
  });
}

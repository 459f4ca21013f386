import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import { AttemptSchema, type GetEventResponseSchema } from '@hms-sync/proto/hms/sync/v1/sync_service';
import type { RecordedDelivery } from '../../core/delivery.ts';
import type { Journal, StoredDelivery } from '../../journal/journal.ts';
import { idempotencyKey } from '../../lanes/idempotency-key.ts';
import type { Lanes } from '../../lanes/lanes.ts';
import type { Cursors } from '../cursor.ts';
import { fromSyncEvent } from '../event-message.ts';
import { deliveryError, OUTCOME_KINDS } from './ack-message.ts';
import { latestAck } from './latest-ack.ts';

/** How an event stands: what GetEvent answers. */
export interface EventStatus {
  readonly response: MessageInitShape<typeof GetEventResponseSchema>;
  /** True when every delivery is terminal. */
  readonly settled: boolean;
  /** The latest ack of each adapter, in alphabetical order. */
  readonly acks: readonly Ack[];
}

export interface EventStatusOptions {
  readonly journal: Pick<Journal, 'readEvent'>;
  readonly lanes: Lanes;
  readonly cursors: Cursors;
}

/**
 * Reads how an event stands; undefined when it is unknown. Its attempts are those that the journal reads of an event,
 * READ_RECORDS_MAX at most: with the longest errors in the widest letters about 1 MiB, beside the payload, and clients
 * take 4 MiB.
 */
export async function readStatus(options: EventStatusOptions, id: string): Promise<EventStatus | undefined> {
  const stored = await options.journal.readEvent(id);
  if (stored === undefined) return undefined;
  const { event, deliveries } = stored;
  const acks = deliveries.map((delivery) => {
    const isOpen = delivery.state === 'waiting' || delivery.state === 'retrying';
    const heldBy = isOpen ? options.lanes.heldBy(delivery.adapter, event) : undefined;
    const { acceptedAtMs } = event;
    return latestAck({ ...delivery, eventId: id, acceptedAtMs, latest: delivery.records.at(-1), heldBy }, options);
  });
  return {
    response: {
      event: fromSyncEvent(event),
      acceptedTime: timestampFromMs(event.acceptedAtMs),
      deliveries: deliveries.map((delivery, index) => ({
        ...(acks[index] !== undefined && { latest: acks[index] }),
        idempotencyKey: idempotencyKey(id, delivery.adapter),
        attempts: delivery.records.filter(({ attempt }) => attempt !== undefined).map(toAttempt),
        attemptsLeftOut: attemptsLeftOut(delivery),
      })),
    },
    settled: deliveries.every(({ state }) => state !== 'waiting' && state !== 'retrying'),
    acks,
  };
}

/**
 * Of the first cycle that is told as many as its first record says; those of the cycles before it are not counted. At
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

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
  readonly wallMs: () => number;
}

/**
 * Attempts in one message. With the longest errors in the widest letters that is about 1 MiB, beside the payload, and
 * clients take 4 MiB; a delivery may have had thousands, through a long outage or a long retry policy.
 */
const ATTEMPTS_MAX = 256;

/** Reads how an event stands; undefined when it is unknown. */
export async function readStatus(options: EventStatusOptions, id: string): Promise<EventStatus | undefined> {
  const stored = await options.journal.readEvent(id);
  if (stored === undefined) return undefined;
  const { event, deliveries } = stored;
  const attemptsMax = Math.max(1, Math.floor(ATTEMPTS_MAX / deliveries.length));
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
        ...newestAttempts(delivery, attemptsMax),
      })),
    },
    settled: deliveries.every(({ state }) => state !== 'waiting' && state !== 'retrying'),
    acks,
  };
}

function newestAttempts({ records }: StoredDelivery, countMax: number) {
  const ended = records.filter(({ attempt }) => attempt !== undefined);
  const attemptsLeftOut = Math.max(0, ended.length - countMax);
  return { attempts: ended.slice(attemptsLeftOut).map(toAttempt), attemptsLeftOut };
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

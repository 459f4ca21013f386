import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import {
  AttemptSchema,
  type DeliverySchema,
  type GetEventResponseSchema,
} from '@hms-sync/proto/hms/sync/v1/sync_service';
import type { RecordedDelivery } from '../../core/delivery.ts';
import type { Journal, StoredDelivery, StoredEvent } from '../../journal/journal.ts';
import { idempotencyKey } from '../../lanes/idempotency-key.ts';
import type { Lanes } from '../../lanes/lanes.ts';
import type { Cursors } from '../cursor.ts';
import { fromSyncEvent } from '../event-message.ts';
import { deliveryError, OUTCOME_KINDS, recordAck, waitingAck } from './ack-message.ts';

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

/** Reads how an event stands; undefined when it is unknown. */
export async function readStatus(options: EventStatusOptions, id: string): Promise<EventStatus | undefined> {
  const stored = await options.journal.readEvent(id);
  if (stored === undefined) return undefined;
  const acks = stored.deliveries.map((delivery) => latestAck(options, stored, delivery));
  return {
    response: {
      event: fromSyncEvent(stored.event),
      acceptedTime: timestampFromMs(stored.event.acceptedAtMs),
      deliveries: stored.deliveries.map((delivery, index) => toDelivery(id, delivery, acks[index])),
    },
    settled: stored.deliveries.every(({ state }) => state !== 'waiting' && state !== 'retrying'),
    acks,
  };
}

/** What is on record, unless something holds the delivery now. */
function latestAck(
  { lanes, cursors, wallMs }: EventStatusOptions,
  { event }: StoredEvent,
  delivery: StoredDelivery,
): Ack {
  const { adapter, state, attempts, cycle } = delivery;
  const last = delivery.records.at(-1);
  const isOpen = state === 'waiting' || state === 'retrying';
  const heldBy = isOpen ? lanes.heldBy(adapter, event.seq) : undefined;
  if (last !== undefined && state !== 'waiting' && heldBy === undefined) return recordAck(last, cursors);
  const ack = waitingAck({
    eventId: event.id,
    adapter,
    attempts,
    cycle,
    atMs: heldBy === undefined ? event.acceptedAtMs : wallMs(),
    heldBy,
    cursor: last === undefined ? '' : cursors.encode(last.cursor),
  });
  // Held is not all that an operator wants to know: what went wrong last is told with it.
  const failed = last?.cycle === cycle ? last.attempt : undefined;
  if (last === undefined || failed?.failure === undefined) return ack;
  return { ...ack, ...pickFailure(recordAck(last, cursors)) };
}

function pickFailure({ error, adapterVersion }: Ack): Partial<Ack> {
  return { ...(error !== undefined && { error }), adapterVersion };
}

function toDelivery(
  eventId: string,
  { adapter, records }: StoredDelivery,
  latest: Ack | undefined,
): MessageInitShape<typeof DeliverySchema> {
  return {
    ...(latest !== undefined && { latest }),
    idempotencyKey: idempotencyKey(eventId, adapter),
    attempts: records.filter((record) => record.attempt !== undefined).map(toAttempt),
  };
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

import type { MessageInitShape } from '@bufbuild/protobuf';
import type { TailEventsRequest, TailEventsResponseSchema } from '@hms-sync/proto/hms/sync/v1/admin_service';
import type { DeliveryState } from '../../core/delivery.ts';
import type { SeenState } from '../../operations/delivery-query.ts';
import { type EventTail, TAILS_MAX } from '../../operations/event-tail.ts';
import type { Happening } from '../../operations/tail-queue.ts';
import type { Cursors } from '../cursor.ts';
import { fromSyncEvent } from '../event-message.ts';
import { throwIfStopping } from '../hub-stop.ts';
import { Refusal } from '../refusal.ts';
import { recordAck } from './ack-message.ts';
import { type AdapterIdsOptions, toQuery } from './admin-filter.ts';

export interface AdminTailOptions extends AdapterIdsOptions {
  readonly tail: EventTail;
  readonly cursors: Cursors;
}

type Message = MessageInitShape<typeof TailEventsResponseSchema>;

const TOO_MANY_RETRY_MS = 10_000;

export async function* tailEvents(
  options: AdminTailOptions,
  request: TailEventsRequest,
  signal: AbortSignal,
): AsyncGenerator<Message, void> {
  const { filter, states } = await toQuery(request.filter, options);
  const { acceptedFromMs: _, acceptedToMs: __, ...looked } = filter;
  const happenings = options.tail.watch({ ...looked, states: states.filter(isRecorded) }, signal);
  if (happenings === undefined) {
    throw new Refusal('TOO_MANY_AT_ONCE', `${TAILS_MAX} look on already; come back when one has left`, {
      retryAfterMs: TOO_MANY_RETRY_MS,
    });
  }
  for await (const some of happenings) {
    if (some.length === 0) yield {};
    for (const happening of some) yield { happening: toMessage(happening, options.cursors) };
  }
  throwIfStopping(signal);
}

/** What is held is on no record, and so is not told. */
function isRecorded(state: SeenState): state is DeliveryState {
  return state !== 'held';
}

function toMessage(happening: Happening, cursors: Cursors): NonNullable<Message['happening']> {
  switch (happening.kind) {
    case 'accepted':
      return { case: 'accepted', value: { ...fromSyncEvent(happening.event), payload: { case: undefined } } };
    case 'recorded':
      return { case: 'ack', value: recordAck(happening.record, cursors) };
    case 'missed':
      return { case: 'missed', value: BigInt(happening.count) };
    default:
      return happening satisfies never;
  }
}

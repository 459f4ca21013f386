import type { MessageInitShape } from '@bufbuild/protobuf';
import type { TailEventsRequest, TailEventsResponseSchema } from '@hms-sync/proto/hms/sync/v1/admin_service';
import type { DeliveryState } from '../../core/delivery.ts';
import type { SeenState } from '../../operations/delivery-query.ts';
import { TAILS_MAX, type TailEvent } from '../../operations/event-tail.ts';
import type { Cursors } from '../cursor.ts';
import { throwIfStopping } from '../hub-stop.ts';
import { recordAck } from '../publishing/ack-message.ts';
import { fromSyncEvent } from '../publishing/event-message.ts';
import { tooManyAtOnce } from '../request-error.ts';
import type { AdminCall } from './admin-deps.ts';
import { toQuery } from './admin-filter.ts';

type Message = MessageInitShape<typeof TailEventsResponseSchema>;

export async function* tailEvents(
  deps: AdminCall,
  request: TailEventsRequest,
  signal: AbortSignal,
): AsyncGenerator<Message, void> {
  const { filter, states } = await toQuery(request.filter, deps);
  const { acceptedFromMs: _, acceptedToMs: __, ...bounds } = filter;
  const tailed = deps.operations.tail.watch({ ...bounds, states: states.filter(isRecorded) }, signal);
  if (tailed === undefined) {
    throw tooManyAtOnce(`${TAILS_MAX} tail the events already; come back when one has left`);
  }
  for await (const some of tailed) {
    if (some.length === 0) yield {};
    for (const one of some) yield { happening: toMessage(one, deps.cursors) };
  }
  throwIfStopping(signal);
}

/** What is held is on no record, and so is not reported. */
function isRecorded(state: SeenState): state is DeliveryState {
  return state !== 'held';
}

function toMessage(tailed: TailEvent, cursors: Cursors): NonNullable<Message['happening']> {
  switch (tailed.kind) {
    case 'accepted':
      return { case: 'accepted', value: { ...fromSyncEvent(tailed.event), payload: { case: undefined } } };
    case 'recorded':
      return { case: 'ack', value: recordAck(tailed.record, cursors.encode(tailed.place)) };
    case 'missed':
      return { case: 'missed', value: BigInt(tailed.count) };
    default:
      return tailed satisfies never;
  }
}

import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type DeliveryAttempt as AttemptMessage,
  DeliveryAttemptSchema,
  EventSchema,
} from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import type { DeliveryAttempt } from '../runtime.ts';

/** An attempt as the contract tells it to an adapter. `ref` names it on its stream. */
export function attemptMessage(ref: bigint, attempt: DeliveryAttempt): AttemptMessage {
  const { event, idempotencyKey, number, redelivered, timeoutMs } = attempt;
  return create(DeliveryAttemptSchema, {
    ref,
    event: create(EventSchema, {
      id: event.id,
      source: event.source,
      type: event.type,
      key: event.key,
      time: timestampFromMs(event.timeMs),
      data: event.data,
      dataContentType: event.dataContentType,
      attributes: event.attributes,
    }),
    idempotencyKey,
    attempt: number,
    redelivered,
    timeout: durationFromMs(timeoutMs),
  });
}

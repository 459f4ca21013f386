import { durationMs, timestampDate } from '@bufbuild/protobuf/wkt';
import type { DeliveryAttempt as AttemptMessage } from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import { DELIVERY_DEFAULTS, type DeliveryAttempt } from '../delivery.ts';

/** Converts an attempt. Absent fields get the protocol's defaults. */
export function attemptFrom(message: AttemptMessage): DeliveryAttempt {
  const { event, idempotencyKey, attempt, redelivered, timeout } = message;
  return {
    event: {
      id: event?.id ?? '',
      source: event?.source ?? '',
      type: event?.type ?? '',
      key: event?.key ?? '',
      time: event?.time === undefined ? new Date(0) : timestampDate(event.time),
      data: event?.data ?? new Uint8Array(),
      dataContentType: event?.dataContentType ?? '',
      attributes: event?.attributes ?? {},
    },
    idempotencyKey,
    attempt,
    redelivered,
    timeoutMs: timeout === undefined ? DELIVERY_DEFAULTS.timeoutMs : durationMs(timeout),
  };
}

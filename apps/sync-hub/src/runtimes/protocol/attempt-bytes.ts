import type { AcceptedEvent } from '../../core/event.ts';
import type { DeliveryAttempt } from '../runtime.ts';
import { WireWriter } from './wire-writer.ts';

/** The fields of hms.adapter.v1.DeliverRequest, DeliveryAttempt and Event, which never change. */
const REQUEST = { deliveries: 1, aborted: 2 } as const;
const ATTEMPT = { ref: 1, event: 2, idempotencyKey: 3, attempt: 4, redelivered: 5, timeout: 6 } as const;
const EVENT = { id: 1, source: 2, type: 3, key: 4, time: 5, data: 6, dataContentType: 7, attributes: 8 } as const;
/** Of google.protobuf.Timestamp and Duration, and of a member of a map. */
const TIME = { seconds: 1, nanos: 2 } as const;
const MEMBER = { key: 1, value: 2 } as const;

/** Tags, lengths and numbers of an attempt and of an event, texts apart. */
const OVERHEAD_BYTES = 64;
/** Of a time. */
const TIME_BYTES = 12;
const NANOS_PER_MS = 1_000_000;

/** An attempt with its number on the stream. */
export interface NumberedAttempt {
  readonly ref: bigint;
  readonly attempt: DeliveryAttempt;
}

/** A DeliverRequest as its bytes. */
export function deliverRequestBytes(attempts: readonly NumberedAttempt[], aborted: readonly bigint[]): Buffer {
  const events = attempts.map(({ attempt }) => eventBytes(attempt.event));
  const sizeBytes = attempts.reduce(
    (sum, { attempt }, index) => sum + attemptSize(attempt, events[index]?.byteLength ?? 0),
    OVERHEAD_BYTES,
  );
  const writer = new WireWriter(sizeBytes);
  attempts.forEach(({ ref, attempt }, index) => {
    const event = events[index] ?? Buffer.alloc(0);
    writer.nested(REQUEST.deliveries, attemptSize(attempt, event.byteLength), () => {
      writer.uint64(ATTEMPT.ref, ref);
      writer.message(ATTEMPT.event, event);
      writer.text(ATTEMPT.idempotencyKey, attempt.idempotencyKey);
      writer.number(ATTEMPT.attempt, attempt.number);
      writer.boolean(ATTEMPT.redelivered, attempt.redelivered);
      time(writer, ATTEMPT.timeout, attempt.timeoutMs);
    });
  });
  writer.uint64s(REQUEST.aborted, aborted);
  return writer.finish();
}

/** What the adapters of one turn of the event loop get of the same event. */
let shared = new Map<AcceptedEvent, Buffer>();

/** An event has its bytes made once for all adapters that get it in the same turn, which is when it was accepted. */
function eventBytes(event: AcceptedEvent): Buffer {
  const known = shared.get(event);
  if (known !== undefined) return known;
  if (shared.size === 0) {
    setImmediate(() => {
      shared = new Map();
    });
  }
  const bytes = encodeEvent(event);
  shared.set(event, bytes);
  return bytes;
}

function encodeEvent(event: AcceptedEvent): Buffer {
  const { id, source, type, key, timeMs, data, dataContentType, attributes } = event;
  const texts = id.length + source.length + type.length + key.length + dataContentType.length;
  const writer = new WireWriter(OVERHEAD_BYTES + texts * 3 + data.byteLength);
  writer.text(EVENT.id, id);
  writer.text(EVENT.source, source);
  writer.text(EVENT.type, type);
  writer.text(EVENT.key, key);
  time(writer, EVENT.time, timeMs);
  writer.bytes(EVENT.data, data);
  writer.text(EVENT.dataContentType, dataContentType);
  for (const [name, value] of Object.entries(attributes)) {
    writer.nested(EVENT.attributes, name.length + value.length + 4, () => {
      writer.text(MEMBER.key, name);
      writer.text(MEMBER.value, value);
    });
  }
  return writer.finish();
}

/** A Timestamp, before 1970 too, or a Duration. */
function time(writer: WireWriter, field: number, ms: number): void {
  writer.nested(field, TIME_BYTES, () => {
    const seconds = Math.floor(ms / 1_000);
    writer.int64(TIME.seconds, seconds);
    writer.number(TIME.nanos, Math.floor((ms - seconds * 1_000) * NANOS_PER_MS));
  });
}

function attemptSize({ idempotencyKey }: DeliveryAttempt, eventBytes: number): number {
  return eventBytes + idempotencyKey.length + OVERHEAD_BYTES;
}

import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { SyncEvent as SyncEventMessage, SyncEventSchema } from '@hms-sync/proto/hms/sync/v1/event';
import { canonicalJson, type Json, JsonError } from '@hms-sync/proto/json';
import { v7 as uuidv7 } from 'uuid';
import type { SyncEvent } from '../../core/event.ts';
import { invalidField } from '../request-error.ts';

/** An event as it was handed in, by whatever way. */
export type PublishedEvent = Omit<SyncEventMessage, '$typeName' | '$unknown'>;

const JSON_CONTENT_TYPE = 'application/json';
const NO_DATA = new Uint8Array(0);
const utf8 = new TextEncoder();

/**
 * Turns what was published into an event: the payload becomes bytes, what is absent is filled in. Bounds are checked
 * later, on the result.
 *
 * @returns timeMs: the time as published, undefined when it was filled in
 * @throws {RequestError} EVENT_INVALID when there is no event, or its payload cannot become bytes
 */
export function toSyncEvent(
  published: PublishedEvent | undefined,
  acceptedAtMs: number,
): { event: SyncEvent; timeMs: number | undefined } {
  if (published === undefined) throw invalidField('event', 'is required', 'EVENT_INVALID');
  const timeMs = published.time === undefined ? undefined : toMs(published.time);
  const event = {
    id: published.id === '' ? uuidv7() : published.id,
    source: published.source,
    type: published.type,
    key: published.key,
    timeMs: timeMs ?? acceptedAtMs,
    data: toBytes(published),
    dataContentType: published.dataContentType === '' ? JSON_CONTENT_TYPE : published.dataContentType,
    attributes: published.attributes,
  };
  return { event, timeMs };
}

/** An accepted event as the contract represents it: its payload in data. */
export function fromSyncEvent(event: SyncEvent): MessageInitShape<typeof SyncEventSchema> {
  return {
    id: event.id,
    source: event.source,
    type: event.type,
    key: event.key,
    time: timestampFromMs(event.timeMs),
    payload: event.data.byteLength === 0 ? { case: undefined } : { case: 'data', value: event.data },
    dataContentType: event.dataContentType,
    attributes: event.attributes,
  };
}

function toBytes({ payload, dataContentType }: PublishedEvent): Uint8Array {
  switch (payload.case) {
    case undefined:
      return NO_DATA;
    case 'data':
      // A copy: what was decoded is a view that would hold on to the whole message for as long as the event waits.
      return new Uint8Array(payload.value);
    case 'json':
      if (dataContentType !== '' && dataContentType !== JSON_CONTENT_TYPE) {
        throw invalidField(
          'event.data_content_type',
          `must be empty or ${JSON_CONTENT_TYPE} when event.json is set`,
          'EVENT_INVALID',
        );
      }
      return jsonBytes(payload.value);
    default:
      return payload satisfies never;
  }
}

function jsonBytes(json: JsonObject): Uint8Array {
  try {
    return utf8.encode(canonicalJson(json as Json));
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw invalidField('event.json', error.message, 'EVENT_INVALID');
  }
}

/** NaN, which no bound contains, when the seconds are past what a number holds. */
function toMs({ seconds, nanos }: { seconds: bigint; nanos: number }): number {
  const inRange = seconds >= -62_135_596_800n && seconds <= 253_402_300_799n && nanos >= 0 && nanos < 1e9;
  return inRange ? Number(seconds) * 1_000 + Math.floor(nanos / 1e6) : Number.NaN;
}

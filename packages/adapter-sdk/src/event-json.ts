import { isJsonContentType } from '@hms-sync/proto/json';
import type { AdapterEvent } from './event.ts';

/**
 * The event as one JSON document in UTF-8, for systems that take events as JSON:
 *
 * ```json
 * {"type":"ProcessUpdated","payload":{...},"id":"...","source":"...","key":"...","time":"2026-11-23T10:00:00.000Z"}
 * ```
 *
 * - JSON data becomes `payload` byte for byte, once it is known to be JSON: numbers too large for a double, repeated
 *   members and their order arrive as they were published, and nothing is serialized again.
 * - No data: `payload` is null.
 * - Data whose content type is not JSON: `payload` is its base64, marked by `"payloadEncoding":"base64"` and
 *   `"payloadContentType":"..."`, two members that are absent otherwise.
 *
 * @throws InvalidEvent when the data should be JSON by its content type and is not.
 */
export function eventAsJson(event: AdapterEvent): Uint8Array {
  const head = Buffer.from(`{"type":${JSON.stringify(event.type)},"payload":`);
  const tail = JSON.stringify({
    ...(isBase64(event) ? { payloadEncoding: 'base64', payloadContentType: event.dataContentType } : {}),
    id: event.id,
    source: event.source,
    key: event.key,
    time: event.time.toISOString(),
  });
  return Buffer.concat([head, payload(event), Buffer.from(`,${tail.slice(1)}`)]);
}

function isBase64(event: AdapterEvent): boolean {
  return event.data.byteLength > 0 && !isJsonContentType(event.dataContentType);
}

function payload(event: AdapterEvent): Uint8Array {
  if (event.data.byteLength === 0) return Buffer.from('null');
  if (isBase64(event)) {
    const { buffer, byteOffset, byteLength } = event.data;
    return Buffer.from(`"${Buffer.from(buffer, byteOffset, byteLength).toString('base64')}"`);
  }
  // Called for its refusal: what is spliced in must be one JSON value.
  event.json();
  return event.data;
}

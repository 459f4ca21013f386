import { isJsonContentType } from '@hms-sync/proto/json';
import type { AdapterEvent } from './event.ts';

/**
 * The event as one JSON document in UTF-8, for systems that accept events as JSON:
 *
 * ```json
 * {"type":"ProcessUpdated","payload":{...},"id":"...","source":"...","key":"...","time":"2026-11-23T10:00:00.000Z"}
 * ```
 *
 * - JSON data is copied into `payload` byte for byte, so numbers too large for a double, repeated members and their order
 *   are kept.
 * - No data: `payload` is null.
 * - Data with another content type: `payload` is its base64, and there are two more members,
 *   `"payloadEncoding":"base64"` and `"payloadContentType":"..."`.
 *
 * @throws InvalidEvent when the content type is JSON and the data is not.
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
  // Throws unless the data is one JSON value.
  event.json();
  return event.data;
}

import type { IncomingHttpHeaders } from 'node:http';
import { MIMEType } from 'node:util';
import { RequestError } from '../request-error.ts';
import { isBinaryCloudEvent, readBinaryCloudEvent, readStructuredCloudEvent } from './cloud-event.ts';
import type { HttpEvent } from './http-event.ts';
import { readSyncBody } from './sync-body.ts';

/** How an event is written in a request on POST /sync. */
export type SyncFormat =
  /** `{type, payload}` */
  | 'plain'
  /** A CloudEvent as one JSON object. */
  | 'structured_cloud_event'
  /** A CloudEvent in headers and body. */
  | 'binary_cloud_event';

const JSON_TYPE = 'application/json';
const CLOUD_EVENT_TYPE = 'application/cloudevents+json';

/**
 * Finds the format by the headers alone, before the body is read.
 *
 * Other media types than JSON are refused for safety too: a browser sends them to any host from any page, unasked.
 *
 * @throws {RequestError} REQUEST_TYPE_UNSUPPORTED
 */
export function syncFormat(headers: IncomingHttpHeaders): SyncFormat {
  const coding = headers['content-encoding'] ?? 'identity';
  if (coding !== 'identity') throw unsupported('compressed bodies are not taken; send it without content-encoding');
  const type = mediaType(headers['content-type'] ?? '');
  // By the standard a cloudevents media type takes precedence over ce- headers.
  if (type?.essence.startsWith('application/cloudevents-batch')) {
    throw unsupported('CloudEvents in batches are not taken; send one a request, or use the rpc PublishStream');
  }
  const isStructured = type?.essence.startsWith('application/cloudevents') === true;
  if (!isStructured && isBinaryCloudEvent(headers)) return 'binary_cloud_event';
  if (type?.essence !== JSON_TYPE && type?.essence !== CLOUD_EVENT_TYPE) {
    throw unsupported(
      `the content type must be ${JSON_TYPE} or ${CLOUD_EVENT_TYPE}, or the event a CloudEvent in ce- headers`,
    );
  }
  const charset = type.params.get('charset') ?? 'utf-8';
  if (charset.toLowerCase() !== 'utf-8') throw unsupported('JSON is taken in UTF-8 alone');
  return isStructured ? 'structured_cloud_event' : 'plain';
}

/**
 * Reads the event of a request.
 *
 * @param keyFields the members of a payload that may hold the key, the likeliest first
 * @throws {RequestError} REQUEST_INVALID, EVENT_INVALID
 */
export function readSyncEvent(
  format: SyncFormat,
  { headers, body, keyFields }: { headers: IncomingHttpHeaders; body: Uint8Array; keyFields: readonly string[] },
): HttpEvent {
  switch (format) {
    case 'plain':
      return readSyncBody(body, keyFields);
    case 'structured_cloud_event':
      return readStructuredCloudEvent(body, keyFields);
    case 'binary_cloud_event':
      return readBinaryCloudEvent(headers, body, keyFields);
    default:
      return format satisfies never;
  }
}

/** Undefined for what is not a media type. */
function mediaType(text: string): MIMEType | undefined {
  try {
    return new MIMEType(text);
  } catch {
    return undefined;
  }
}

function unsupported(message: string): RequestError {
  return new RequestError('REQUEST_TYPE_UNSUPPORTED', message);
}

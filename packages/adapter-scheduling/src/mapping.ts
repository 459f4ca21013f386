import { type AdapterEvent, eventAsJson } from '@hms-sync/adapter-sdk';

/** What the scheduling system is asked: a POST of a JSON body to a path below its base URL. */
export interface SyncRequest {
  readonly path: string;
  readonly body: Uint8Array;
}

/**
 * What the scheduling system is told about an event: `{"type", "payload", "id", "source", "key", "time"}`. `type` and
 * `payload` are what it always read; the others let it order events and drop repeated ones.
 *
 * @throws InvalidEvent when the event's data should be JSON and is not.
 */
export function syncRequest(event: AdapterEvent): SyncRequest {
  return { path: '/api/hms-update', body: eventAsJson(event) };
}

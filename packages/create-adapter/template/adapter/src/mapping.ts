import { type AdapterEvent, eventAsJson } from '@hms-sync/adapter-sdk';

/** What the system is asked: a POST of a JSON body to a path below its base URL. */
export interface ChangeRequest {
  readonly path: string;
  readonly body: Uint8Array;
}

/**
 * What the system is told about an event: `{"type", "payload", "id", "source", "key", "time"}`.
 *
 * @throws InvalidEvent when the event's data should be JSON and is not.
 */
export function changeRequest(event: AdapterEvent): ChangeRequest {
  return { path: '/changes', body: eventAsJson(event) };
}

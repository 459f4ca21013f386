import { type AdapterEvent, eventAsJson } from '@hms-sync/adapter-sdk';

/**
 * What is posted for an event: `{"type", "payload", "id", "source", "key", "time"}`, until your system reads something else.
 *
 * @throws InvalidEvent when the event's data should be JSON and is not.
 */
export function changeOf(event: AdapterEvent): Uint8Array {
  return eventAsJson(event);
}

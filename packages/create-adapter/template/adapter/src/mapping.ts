import { type AdapterEvent, eventAsJson } from '@hms-sync/adapter-sdk';

/**
 * The body that is posted for an event: `{"type", "payload", "id", "source", "key", "time"}`. Change it to what your system
 * expects.
 *
 * @throws InvalidEvent when the event's content type is JSON and its data is not.
 */
export function changeOf(event: AdapterEvent): Uint8Array {
  return eventAsJson(event);
}

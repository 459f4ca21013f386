import type { PublishedEvent } from '../publishing/event-message.ts';

/** An event that came by HTTP. */
export interface HttpEvent {
  readonly event: PublishedEvent;
  /** What the sender calls the event's fields, by their paths in the contract: "event.data" may be "payload". */
  readonly names: Readonly<Record<string, string>>;
}

export type Payload = PublishedEvent['payload'];

const utf8 = new TextEncoder();

export const NO_PAYLOAD: Payload = { case: undefined };

/** JSON as it was written, as an event's payload: what is read and written again loses digits. */
export function writtenPayload(source: string): Payload {
  return { case: 'data', value: utf8.encode(source) };
}

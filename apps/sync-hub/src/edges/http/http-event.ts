import type { JsonObject } from '@bufbuild/protobuf';
import { canonicalJson, type Json } from '../canonical-json.ts';
import type { PublishedEvent } from '../event-message.ts';

/** An event that came by HTTP. */
export interface HttpEvent {
  readonly event: PublishedEvent;
  /** What the sender calls the event's fields, by their paths in the contract: "event.json" may be "payload". */
  readonly names: Readonly<Record<string, string>>;
}

export type Payload = PublishedEvent['payload'];

const utf8 = new TextEncoder();

export const NO_PAYLOAD: Payload = { case: undefined };

/**
 * A JSON value as an event's payload: its bytes are the same whichever order its members were sent in.
 *
 * @param contentType what the event says of it; the contract's `json` knows application/json alone
 */
export function jsonPayload(value: Json, contentType: string): Payload {
  const isPlain = contentType === '' || contentType === 'application/json';
  if (isPlain && isJsonObject(value)) return { case: 'json', value: value as JsonObject };
  return { case: 'data', value: utf8.encode(canonicalJson(value)) };
}

export function isJsonObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

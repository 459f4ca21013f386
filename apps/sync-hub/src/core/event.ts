/** An event as it travels through the hub: checked, its payload bytes that nobody on the way parses. */
export interface SyncEvent {
  /** The publisher's idempotency key, 1 to 128 visible ASCII characters. */
  readonly id: string;
  /** Who published; empty when unknown. */
  readonly source: string;
  /** What kind of change it is. */
  readonly type: string;
  /** The thing that changed; empty when the event has no order. */
  readonly key: string;
  /** When the change happened, in milliseconds since 1970 by the publisher's clock. */
  readonly timeMs: number;
  /** The payload. */
  readonly data: Uint8Array;
  /** The payload's media type. */
  readonly dataContentType: string;
  /** What travels with the event, traceparent among it. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** An event that is on disk. */
export interface AcceptedEvent extends SyncEvent {
  /** Its place in the order of acceptance, from 1, without repeats; gaps are allowed. */
  readonly seq: number;
  /** When it was accepted, in milliseconds since 1970 by the hub's clock. */
  readonly acceptedAtMs: number;
  /** The adapters it goes to, by id, in alphabetical order. */
  readonly adapters: readonly string[];
}

/** What identifies an event: CloudEvents holds an id to be unique within its source. */
export interface EventIdentity {
  /** The publisher's idempotency key, 1 to 128 visible ASCII characters. */
  readonly id: string;
  /** Who published; empty when unknown, which is a source like any other. */
  readonly source: string;
}

/** An event as it travels through the hub: checked, its payload bytes that nobody on the way parses. */
export interface SyncEvent extends EventIdentity {
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
  /** The principal that published it, as its kind and name; empty when unknown, as of events of before that was kept. */
  readonly publishedBy: string;
  /** The adapters it goes to, by id, in alphabetical order: those that received events when it was accepted. */
  readonly adapters: readonly string[];
  /** It was accepted by a version for which an id was unique over all sources; absent otherwise. */
  readonly hasUniqueId?: true;
}

import type { AdapterLog } from './adapter-log.ts';
import type { HttpClient } from './http/client.ts';

/** Which adapter this is, by the manifest in its package.json. */
export interface AdapterIdentity {
  /** Such as `billing`. */
  readonly id: string;
  /** The version of its package, as semver. */
  readonly version: string;
}

/** What `open` gets. */
export interface OpenContext<Config> {
  /** The configuration, as the schema gave it out. Undefined when the definition has no schema. */
  readonly config: Config;
  /** Makes connection pools. Pools that are still open after `close`, or after a failed `open`, are destroyed. */
  readonly http: HttpClient;
  /** For this adapter's records. */
  readonly log: AdapterLog;
  /** Which adapter this is. */
  readonly adapter: AdapterIdentity;
  /** Aborted when opening has taken too long (10 s). */
  readonly signal: AbortSignal;
}

/** What `check` gets besides the resource. */
export interface CheckContext {
  /** For this adapter's records. */
  readonly log: AdapterLog;
  /** Aborted when checking has taken too long (10 s). */
  readonly signal: AbortSignal;
}

/** What `push` gets besides the event. */
export interface PushContext<Resource> {
  /** What `open` returned. Undefined when the definition has no `open`. */
  readonly resource: Resource;
  /** The same for every attempt and replay of this delivery: hand it to the external system. */
  readonly idempotencyKey: string;
  /** The number of this attempt, from 1. */
  readonly attempt: number;
  /** True when an earlier attempt may have taken effect. */
  readonly redelivered: boolean;
  /** The event's W3C `traceparent`; undefined when it has none or a malformed one. */
  readonly traceparent: string | undefined;
  /** Aborted when the attempt's time is over or the hub stops. Stop then: the outcome is no longer waited for. */
  readonly signal: AbortSignal;
  /** Milliseconds until the attempt's time is over, never below 0. Monotonic: a wall clock that jumps does not move it. */
  remainingMs(): number;
  /** For this adapter's records. */
  readonly log: AdapterLog;
  /** Which adapter this is. */
  readonly adapter: AdapterIdentity;
}

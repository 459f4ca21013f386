import type { AdapterLog } from './adapter-log.ts';
import type { HttpClient } from './http/client.ts';

/** The id and version of an adapter, from its package.json. */
export interface AdapterIdentity {
  /** Such as `billing`. */
  readonly id: string;
  /** The version of its package, as semver. */
  readonly version: string;
}

/** The parameter of `open`. */
export interface OpenContext<Config> {
  /** The configuration, as the schema returned it. Undefined when the definition has no schema. */
  readonly config: Config;
  /** Creates connection pools. Pools that are still open after `close`, or after a failed `open`, are destroyed. */
  readonly http: HttpClient;
  /** The log of this adapter. */
  readonly log: AdapterLog;
  /** The id and version of this adapter. */
  readonly adapter: AdapterIdentity;
  /** Aborted after 10 s. */
  readonly signal: AbortSignal;
}

/** The second parameter of `check`. */
export interface CheckContext {
  /** The log of this adapter. */
  readonly log: AdapterLog;
  /** Aborted after 10 s. */
  readonly signal: AbortSignal;
}

/** The second parameter of `push`. */
export interface PushContext<Resource> {
  /** What `open` returned. Undefined when the definition has no `open`. */
  readonly resource: Resource;
  /** The same for every attempt and replay of this delivery: send it to the external system. */
  readonly idempotencyKey: string;
  /** The number of this attempt, from 1. */
  readonly attempt: number;
  /** True when an earlier attempt may have taken effect. */
  readonly redelivered: boolean;
  /** The event's W3C `traceparent`; undefined when it has none or a malformed one. */
  readonly traceparent: string | undefined;
  /** Aborted when the attempt times out or the hub stops. Stop then: nobody waits for the outcome any more. */
  readonly signal: AbortSignal;
  /** Milliseconds until the attempt times out, at least 0, by a monotonic clock. */
  remainingMs(): number;
  /** The log of this adapter. */
  readonly log: AdapterLog;
  /** The id and version of this adapter. */
  readonly adapter: AdapterIdentity;
}

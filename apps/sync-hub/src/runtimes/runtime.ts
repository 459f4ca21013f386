import type { AcceptedEvent } from '../core/event.ts';
import type { Outcome } from '../core/outcome.ts';

/**
 * How adapter code runs: the port that the inline runtime fills, and that those in processes of their own will.
 *
 * What every implementation keeps: no method rejects or throws, whatever the adapter does; `deliver` settles exactly
 * once, when adapter code no longer has the event.
 */
export interface Runtime {
  readonly kind: 'inline' | 'process' | 'remote';

  /** Loads the adapter, configures it and opens its connection. Called once. */
  start(): Promise<RuntimeStart>;

  /** Makes one attempt. An aborted signal asks it to end soon; its outcome then no longer matters. */
  deliver(attempt: DeliveryAttempt, signal: AbortSignal): Promise<Outcome>;

  /** Lets go of everything. Nothing is delivered afterwards. Idempotent. */
  close(): Promise<void>;
}

export interface DeliveryAttempt {
  readonly event: AcceptedEvent;
  /** The same for every attempt and replay of the delivery. */
  readonly idempotencyKey: string;
  /** From 1, within the cycle. */
  readonly number: number;
  /** True when an earlier attempt may have taken effect. */
  readonly redelivered: boolean;
  readonly timeoutMs: number;
}

/** What became of starting an adapter. */
export type RuntimeStart =
  | {
      readonly kind: 'ready';
      readonly accepts: ReadonlySet<string> | 'all';
      readonly concurrency: number;
      readonly attemptTimeoutMs: number;
    }
  /** It cannot run. The reason says what is wrong, where, and what to do; it holds no secret. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** It speaks no protocol version that the hub speaks. The reason says which would do. */
  | { readonly kind: 'incompatible'; readonly reason: string };

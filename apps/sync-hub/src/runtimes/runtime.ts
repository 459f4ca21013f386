import type { AcceptedEvent } from '../core/event.ts';
import type { AttemptEnd } from '../core/outcome.ts';

/**
 * How adapter code runs: the port that the inline runtime fills, and those in a process of its own or elsewhere.
 *
 * What every implementation keeps: no method rejects or throws, whatever the adapter does; `deliver` settles exactly
 * once, when adapter code no longer has the event.
 */
export interface Runtime {
  readonly kind: 'inline' | 'process' | 'remote';

  /**
   * Loads the adapter, configures it and opens its connection. Called once.
   *
   * @param onChange called with its state whenever that changes afterwards: that it ended and is started again, that it is ready
   *   again. When it ended, it is called before the outcomes of the attempts that it had.
   */
  start(onChange?: (start: RuntimeStart) => void): Promise<RuntimeStart>;

  /** What the adapter says of its external system, once it is ready: can it be reached, is the credential accepted? Empty
   * when it does not look. Changes nothing there. */
  check(): Promise<readonly CheckResult[]>;

  /** Makes one attempt. An aborted signal asks it to end soon; its outcome then no longer matters. */
  deliver(attempt: DeliveryAttempt, signal: AbortSignal): Promise<AttemptEnd>;

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

/** The adapter does not run, or ended before it had the event: no attempt was made. */
export const NOT_SENT: AttemptEnd = { kind: 'not_run' };

/** One thing that an adapter looked at. */
export interface CheckResult {
  /** `reach`, `credentials`. */
  readonly name: string;
  readonly ok: boolean;
  /** What was seen and, if it did not go well, what to do; at most 1,024 characters, no secret. */
  readonly message: string;
}

/** An adapter that accepts deliveries, and how it wants them. */
export interface ReadyRuntime {
  readonly kind: 'ready';
  readonly accepts: ReadonlySet<string> | 'all';
  readonly concurrency: number;
  readonly attemptTimeoutMs: number;
}

/** Why an adapter does not run. */
export interface EndReason {
  readonly reason: string;
  /** The reason without when it is started again; absent when it is not. It holds also for one that is closed now. */
  readonly cause?: string;
}

/** The result of starting an adapter, and its state from then on. */
export type RuntimeStart =
  | ReadyRuntime
  /** It ran and ended, and is started again at the time that the reason names. */
  | ({ readonly kind: 'starting' } & EndReason)
  /** It cannot run. The reason says what is wrong, where, and what to do; it holds no secret. */
  | ({ readonly kind: 'failed' } & EndReason)
  /** It speaks no protocol version that the hub speaks. The reason says which would do. */
  | ({ readonly kind: 'incompatible' } & EndReason);

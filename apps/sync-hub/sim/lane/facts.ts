import type { BreakerCondition } from '../../src/core/lane.ts';
import type { SimulatedAttempt } from './adapter.ts';
import type { SimulatedJournal } from './journal.ts';
import type { LanePlan, ReadyRuntime } from './plan.ts';

/** How the world around the lane stands, as the witness knows it without asking the lane. */
export interface LaneFacts {
  readonly plan: LanePlan;
  readonly journal: SimulatedJournal;
  nowMs: number;
  breaker: BreakerCondition;
  /** Half-open: the one delivery was sent. */
  probeSent: boolean;
  paused: boolean;
  /** The version of the adapter that runs, or ran last. */
  runtime: ReadyRuntime;
  runtimeReady: boolean;
  draining: boolean;
  /** Not before this, and no later than this: the lane adds its own backoff to what it was asked. */
  throttledUntilMs: number;
  throttledAtMostUntilMs: number;
  /** When the breaker closed last. */
  breakerClosedAtMs: number;
  /** True while the lane holds the delivery in memory. */
  readonly isInWindow: (seq: number) => boolean;
  /** Attempts that may run at a time after trouble: one, and one more for each success since. */
  ramp: number;
  /** By seq; overdue ones among them. */
  readonly attempts: ReadonlyMap<number, SimulatedAttempt>;
  /** The attempt whose end the lane is being told; not among those that run. */
  ended: SimulatedAttempt | undefined;
  /** What a person lets through at this moment. */
  asked: number | undefined;
  /** What people give up: asked for, and neither recorded nor left alone so far. */
  readonly givenUp: Set<number>;
  /** Open again on disk, and the lane was not told yet. */
  readonly untold: Set<number>;
  /** The adapter broke while it had these and others; none has had an attempt since that ended otherwise. */
  readonly suspects: Set<number>;
}

/** @throws {Error} that names the promise when it is not kept */
export function must(isKept: boolean, promise: string): asserts isKept {
  if (!isKept) throw new Error(`a promise is broken: ${promise}`);
}

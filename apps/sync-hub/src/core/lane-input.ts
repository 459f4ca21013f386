import type { OpenDelivery } from './delivery.ts';
import type { BreakerCondition, PauseCause, RuntimeCondition } from './lane.ts';
import type { FetchEffect, LookUpEffect } from './lane-effect.ts';
import type { AttemptEnd } from './outcome.ts';

/** What happens to a lane. `atMs` is a monotonic clock's time and never goes back. */
export type LaneInput =
  /** Events were accepted; each is for this adapter. */
  | { readonly kind: 'arrived'; readonly atMs: number; readonly deliveries: readonly OpenDelivery[] }
  /** A fetch was answered. */
  | {
      readonly kind: 'fetched';
      readonly atMs: number;
      readonly fetch: FetchEffect;
      readonly deliveries: readonly FetchedDelivery[];
      readonly scannedToSeq: number;
    }
  /** Adapter code returned. */
  | { readonly kind: 'attempt_ended'; readonly atMs: number; readonly seq: number; readonly outcome: AttemptEnd }
  /** What a record effect asked for is on disk. */
  | { readonly kind: 'recorded'; readonly atMs: number; readonly seq: number }
  /** A person replayed a dead letter: it is open again, on disk. */
  | {
      readonly kind: 'reopened';
      readonly atMs: number;
      readonly delivery: OpenDelivery;
      /** The person wants it sent also when a newer event of its key was or is being delivered. */
      readonly mayFollowNewer: boolean;
    }
  /** A person gave a dead letter up, on disk. */
  | { readonly kind: 'dead_letter_discarded'; readonly atMs: number; readonly seq: number }
  /** A person gives open deliveries up. Each is answered by a record of it, or by `tell_kept`. */
  | {
      readonly kind: 'discard';
      readonly atMs: number;
      readonly seqs: readonly number[];
      readonly reason: string;
    }
  /** A look_up was answered: the delivery as it is on disk; undefined when it is not open. */
  | {
      readonly kind: 'looked_up';
      readonly atMs: number;
      readonly lookUp: LookUpEffect;
      readonly delivery: OpenDelivery | undefined;
    }
  /** A person wants this delivery attempted, whatever holds the lane: see nextProbe. */
  | { readonly kind: 'probe'; readonly atMs: number; readonly seq: number }
  /** An operator wants no more waiting: see retryNow. */
  | { readonly kind: 'retry_now'; readonly atMs: number }
  | { readonly kind: 'breaker_changed'; readonly atMs: number; readonly breaker: BreakerCondition }
  | { readonly kind: 'runtime_changed'; readonly atMs: number; readonly runtime: RuntimeCondition }
  | { readonly kind: 'paused'; readonly atMs: number; readonly cause: PauseCause }
  | { readonly kind: 'resumed'; readonly atMs: number }
  /** The hub stops: what runs may finish, nothing new begins. */
  | { readonly kind: 'draining'; readonly atMs: number }
  | { readonly kind: 'time_passed'; readonly atMs: number };

/** A delivery from the journal. */
export interface FetchedDelivery {
  readonly delivery: OpenDelivery;
  /** How long until it may go, on the monotonic clock. */
  readonly delayMs: number;
  /** How long ago it was accepted or replayed; absent: just now. */
  readonly ageMs?: number;
}

/**
 * A delivery as the journal has it, with its times made into waits. The clock may have been set since they were written:
 * no wait is longer than was planned, and no age below zero.
 *
 * @param nowMs milliseconds since 1970 by the hub's clock
 * @param retriedAtMs when an operator ended all waits last, by the same clock
 */
export function fetchedDelivery(
  delivery: OpenDelivery,
  nowMs: number,
  retriedAtMs = Number.NEGATIVE_INFINITY,
): FetchedDelivery {
  const { event, cycle, notBeforeMs, asOfMs } = delivery;
  const delayMs = asOfMs < retriedAtMs ? 0 : Math.min(notBeforeMs - nowMs, notBeforeMs - asOfMs);
  // When a replayed one was replayed is not known once an attempt of it was recorded; younger is the safe side.
  const sinceMs = cycle === 1 ? event.acceptedAtMs : asOfMs;
  return { delivery, delayMs, ageMs: Math.max(0, nowMs - sinceMs) };
}

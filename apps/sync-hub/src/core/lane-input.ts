import type { ReadyDelivery, ReopenedDelivery } from './delivery.ts';
import type { BreakerCondition, PauseCause, RuntimeCondition } from './lane.ts';
import type { AttemptEnd } from './outcome.ts';

/** What happens to a lane. `atMs` is a monotonic clock's time and never goes back. */
export type LaneInput =
  /** A commit made these ready, or left more to be read, or set a time at which one will be. */
  | {
      readonly kind: 'news';
      readonly atMs: number;
      readonly ready: readonly ReadyDelivery[];
      readonly isMore: boolean;
      readonly nextDueAtMs: number;
    }
  /** A `read` was answered. */
  | {
      readonly kind: 'page';
      readonly atMs: number;
      readonly deliveries: readonly ReadyDelivery[];
      readonly isEnd: boolean;
      readonly nextDueAtMs: number;
    }
  /** A `look_ahead` was answered: the head as it is on disk; undefined when there is none such. */
  | {
      readonly kind: 'head';
      readonly atMs: number;
      readonly purpose: LookPurpose;
      readonly head: ReadyDelivery | undefined;
    }
  /** Adapter code returned. */
  | { readonly kind: 'attempt_ended'; readonly atMs: number; readonly seq: number; readonly outcome: AttemptEnd }
  /** What a record effect asked for is on disk. */
  | { readonly kind: 'recorded'; readonly atMs: number; readonly seq: number }
  /** An operator replayed a dead letter: it is open again, on disk. */
  | { readonly kind: 'reopened'; readonly atMs: number; readonly behindSeq: ReopenedDelivery['behindSeq'] }
  /** An operator discards deliveries. Those whose attempt runs, or whose outcome is on the way to the disk, are kept. */
  | { readonly kind: 'discard'; readonly atMs: number; readonly seqs: readonly number[]; readonly reason: string }
  /** A `discard` or a `give_back` was answered: whether it is still the head of its key. */
  | { readonly kind: 'answered'; readonly atMs: number; readonly seq: number; readonly isHead: boolean }
  /** An operator lets one delivery through, whatever holds the lane. Answered by `probing`. */
  | { readonly kind: 'probe'; readonly atMs: number }
  /** An operator ends all waits. */
  | { readonly kind: 'retry_now'; readonly atMs: number }
  | { readonly kind: 'breaker_changed'; readonly atMs: number; readonly breaker: BreakerCondition }
  | { readonly kind: 'runtime_changed'; readonly atMs: number; readonly runtime: RuntimeCondition }
  | { readonly kind: 'paused'; readonly atMs: number; readonly cause: PauseCause }
  | { readonly kind: 'resumed'; readonly atMs: number }
  /** The hub stops, or the lane is somebody else's: what runs may finish, nothing new begins. */
  | { readonly kind: 'draining'; readonly atMs: number }
  | { readonly kind: 'time_passed'; readonly atMs: number };

export type LookPurpose = 'operator' | 'breaker' | 'last_attempt';

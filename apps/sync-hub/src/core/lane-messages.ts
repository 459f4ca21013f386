import type { DeliveryCounts, ReadyDelivery, ReadyPlace, RecordedState } from './delivery.ts';
import type { AcceptedEvent } from './event.ts';
import type { AttemptEnd, Failure, Outcome } from './outcome.ts';

/** What happens to a key after a dead letter: its later events continue, or wait until an operator has decided about it. */
export type OnDeadLetter = 'continue' | 'hold';

/** What keeps a delivery from being attempted. */
export type HeldBy = 'not_ready' | 'paused' | 'breaker' | 'throttled' | 'key';

/** Whether the adapter's code can be called, and how. */
export type RuntimeCondition =
  | {
      readonly kind: 'not_ready';
      /** The event types that it accepted when it last ran; absent: nobody knows. What it does not accept is skipped. */
      readonly accepts?: ReadonlySet<string> | 'all';
    }
  | {
      readonly kind: 'ready';
      /** The event types that it accepts. */
      readonly accepts: ReadonlySet<string> | 'all';
      /** Attempts at a time, 1 to {@link MAX_CONCURRENCY}. */
      readonly concurrency: number;
      /** How long an attempt may take before its outcome is `timed_out`. */
      readonly attemptTimeoutMs: number;
    };

/** A bound, since each attempt costs memory. */
export const MAX_CONCURRENCY = 1_024;

export type BreakerCondition = 'closed' | 'open' | 'half_open';

/** Why no attempts are made until an operator resumes the lane. */
export type PauseCause =
  | { readonly kind: 'operator'; readonly reason: string }
  | { readonly kind: 'misconfigured'; readonly failure: Failure };

/** What happens to a lane. `atMs` is a monotonic clock's time and never goes back. */
export type LaneInput =
  /** A commit of the journal, as far as it concerns the lane. As one input: what an operator replayed is known before
   * what a record made room for begins. */
  | {
      readonly kind: 'committed';
      readonly atMs: number;
      /** The deliveries, by seq, whose records are on disk. */
      readonly recorded: readonly number[];
      /** Dead letters are open again that are older than these heads of their keys, by seq. */
      readonly reopenedBefore: readonly number[];
      /** These are ready; or there is more to be read; or one will be at this time. */
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
  /** An operator discards deliveries. Those whose attempt runs, or whose outcome is on the way to the disk, are kept. */
  | { readonly kind: 'discard'; readonly atMs: number; readonly seqs: readonly number[]; readonly reason: string }
  /** A `discard` or a `give_back` was answered, with the delivery if it still is the head of its key. */
  | { readonly kind: 'answered'; readonly atMs: number; readonly seq: number; readonly head: ReadyDelivery | undefined }
  /** An operator lets one delivery through, whatever holds the lane. Answered by `probing`. */
  | { readonly kind: 'probe'; readonly atMs: number }
  /** An operator ends all waits. */
  | { readonly kind: 'retry_now'; readonly atMs: number }
  | { readonly kind: 'breaker_changed'; readonly atMs: number; readonly breaker: BreakerCondition }
  | { readonly kind: 'runtime_changed'; readonly atMs: number; readonly runtime: RuntimeCondition }
  | { readonly kind: 'paused'; readonly atMs: number; readonly cause: PauseCause }
  | { readonly kind: 'resumed'; readonly atMs: number }
  /** The hub stops, or the adapter is removed: what runs may finish, nothing new begins. */
  | { readonly kind: 'draining'; readonly atMs: number }
  | { readonly kind: 'time_passed'; readonly atMs: number };

export type LookPurpose = 'operator' | 'breaker' | 'last_attempt';

/** What a lane wants done. */
export type LaneEffect =
  /** Call adapter code. `number` counts from 1 within the cycle. */
  | {
      readonly kind: 'attempt';
      readonly event: AcceptedEvent;
      readonly number: number;
      readonly redelivered: boolean;
      readonly timeoutMs: number;
    }
  /** Nobody waits for this attempt any longer; `timed_out` was its outcome. */
  | { readonly kind: 'abort'; readonly seq: number }
  | RecordEffect
  /** Read what is ready after this place, then report `page`. */
  | {
      readonly kind: 'read';
      readonly after: ReadyPlace | undefined;
      readonly limit: number;
      readonly limitBytes: number;
    }
  /** Read one head, due or not, then report `head`. */
  | LookAheadEffect
  /** Notify the journal that this head does not run here, then report `answered`. */
  | { readonly kind: 'give_back'; readonly seq: number }
  /** Have the journal discard it, then report `answered`. */
  | { readonly kind: 'discard'; readonly seq: number; readonly reason: string }
  /** What an operator lets through now; undefined when nothing can be. */
  | { readonly kind: 'probing'; readonly event: AcceptedEvent | undefined }
  /** What holds the whole lane is not what it was. */
  | { readonly kind: 'gate_changed' }
  /** The lane paused itself. */
  | { readonly kind: 'paused'; readonly cause: PauseCause };

/** Put this on disk, then report `recorded`. */
export interface RecordEffect {
  readonly kind: 'record';
  readonly event: AcceptedEvent;
  readonly counts: DeliveryCounts;
  readonly state: RecordedState;
  /** For retrying: how long until the next attempt; undefined when that depends on an operator. */
  readonly nextAttemptInMs: number | undefined;
  /** Of that the external system asked for this much. */
  readonly notBeforeInMs: number;
  /** The attempt that led here; undefined when none was made. */
  readonly attempt: { readonly durationMs: number; readonly outcome: Outcome } | undefined;
}

export interface LookAheadEffect {
  readonly kind: 'look_ahead';
  readonly purpose: LookPurpose;
  readonly at: LookPlace;
}

/** Which head is looked for. */
export type LookPlace =
  | { readonly seq: number }
  /** The one that is due first. */
  | {
      /** Of those after this place; undefined: of all. */
      readonly after: ReadyPlace | undefined;
      /** Not of the key of this other. */
      readonly except: Pick<AcceptedEvent, 'key' | 'seq'> | undefined;
      /** Also one that the external system asked not to be called for yet. */
      readonly ignoreNotBefore: boolean;
    };

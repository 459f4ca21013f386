import type { DeliveryCounts, RecordedState } from './delivery.ts';
import type { AcceptedEvent } from './event.ts';
import type { HeldBy, PauseCause } from './lane.ts';
import type { Outcome } from './outcome.ts';

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
  /** Nobody waits for this attempt any more; `timed_out` was its outcome. */
  | { readonly kind: 'abort'; readonly seq: number }
  | RecordEffect
  /** Not on disk, for those who look on. */
  | {
      readonly kind: 'tell_held';
      readonly event: AcceptedEvent;
      readonly counts: DeliveryCounts;
      readonly heldBy: HeldBy;
    }
  | FetchEffect
  /** Read one delivery that a person gives up from the journal, then say `looked_up`. */
  | LookUpEffect
  /** A person wanted to give it up, but an attempt of it runs, its outcome is on the way to the disk, or it is settled. */
  | { readonly kind: 'tell_kept'; readonly seq: number }
  /** The lane paused itself. */
  | { readonly kind: 'tell_paused'; readonly cause: PauseCause };

/** `id` rises from look-up to look-up. */
export interface LookUpEffect {
  readonly kind: 'look_up';
  readonly id: number;
  readonly seq: number;
}

/** Put this on disk, then say `recorded`. */
export interface RecordEffect {
  readonly kind: 'record';
  readonly event: AcceptedEvent;
  readonly counts: DeliveryCounts;
  readonly state: RecordedState;
  /** For retrying: how long until the next attempt; undefined when that depends on a person. */
  readonly nextAttemptInMs: number | undefined;
  /** The attempt that led here; undefined when none was made. */
  readonly attempt: { readonly durationMs: number; readonly outcome: Outcome } | undefined;
  /** For discarded: why a person gave it up. For dead_lettered without an attempt: why none was made. */
  readonly reason?: string;
}

/** Read deliveries from the journal, then say `fetched`. */
export interface FetchEffect {
  readonly kind: 'fetch';
  /** Rises from fetch to fetch. */
  readonly id: number;
  readonly of: FetchSubject;
  readonly afterSeq: number;
  readonly limit: number;
  readonly limitBytes: number;
  /** It may bring what was in the window when it was asked for. */
  readonly repeats: boolean;
}

export type FetchSubject =
  /** What the lane has not read yet. */
  | { readonly kind: 'backlog' }
  /** What it read before and passed over. */
  | { readonly kind: 'passed_over'; readonly upToSeq: number }
  /** Later deliveries of a key. */
  | { readonly kind: 'overflow'; readonly key: string; readonly upToSeq: number };

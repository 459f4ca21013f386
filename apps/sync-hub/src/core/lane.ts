import type { DeliveryCounts, OpenDelivery, RecordedState } from './delivery.ts';
import { DueTimes } from './due-times.ts';
import type { AcceptedEvent } from './event.ts';
import type { Failure, Outcome } from './outcome.ts';
import { Queue } from './queue.ts';
import type { Random } from './random.ts';
import type { RetryPolicy } from './retry.ts';

/** The rules of one lane: numbers that do not change while it lives. */
export interface LaneRules {
  readonly retry: RetryPolicy;
  /** An event in whose attempts the adapter broke so often is quarantined as a dead letter. */
  readonly maxCrashes: number;
  readonly window: WindowBounds;
  /** Events up to this seq may have been attempted by an earlier hub process that did not live to record it. */
  readonly recoveredToSeq: number;
}

/** What a lane holds in memory at the most; the rest waits in the journal. */
export interface WindowBounds {
  readonly deliveries: number;
  /** Of payload. The last delivery that is taken may exceed it, whatever its size. */
  readonly bytes: number;
  /** Of one key, so that one hot key cannot fill the window and starve the others. */
  readonly deliveriesPerKey: number;
}

/** 8,192 deliveries keep 1,024 attempts busy through eight commits; 32 MiB bounds them when payloads are large. */
export const DEFAULT_WINDOW: WindowBounds = { deliveries: 8_192, bytes: 32 * 1024 * 1024, deliveriesPerKey: 256 };

/** Where a delivery in the window stands. Only the head of a line is ever in another state than `queued`. */
export type DeliveryState =
  /** Behind an earlier delivery of its key, or its adapter's accepted types are not known yet. */
  | { readonly kind: 'queued' }
  /** It goes as soon as the gate and the concurrency allow. */
  | { readonly kind: 'ready' }
  /** An attempt failed; the next is due then. */
  | ({ readonly kind: 'scheduled' } & DueAgain)
  /** Adapter code runs. */
  | {
      readonly kind: 'attempting';
      readonly startedAtMs: number;
      readonly deadlineAtMs: number;
      readonly probe: boolean;
    }
  /** Its deadline passed, adapter code still runs and owns the key; what follows waits for both. */
  | { readonly kind: 'overdue'; readonly next: AfterRecord; readonly recorded: boolean }
  /** Its outcome is on the way to the disk. Until it is there the key is not free: else a crash now could let a later
   * event of the key overtake this one. */
  | { readonly kind: 'recording'; readonly next: AfterRecord }
  /** It has left the window. */
  | { readonly kind: 'settled' };

/** What a delivery becomes once its outcome is on disk. */
export type AfterRecord = { readonly kind: 'settled' } | ({ readonly kind: 'again' } & DueAgain);

export interface DueAgain {
  readonly dueAtMs: number;
  /** The external system asked not to be called for this before then; the rest of the wait is the lane's own backoff,
   * which a half-open breaker may cut short. */
  readonly notBeforeMs: number;
}

/** A delivery in the window. */
export interface LaneDelivery {
  readonly event: AcceptedEvent;
  readonly line: Line;
  counts: DeliveryCounts;
  state: DeliveryState;
  /** What was last told to hold it; told again only when it changes. */
  toldHeldBy: HeldBy | undefined;
}

/** The deliveries of one key in the order accepted. A delivery without a key has a line of its own. */
export interface Line {
  readonly key: string;
  readonly deliveries: Queue<LaneDelivery>;
  /** The newest delivery that was put in line. */
  lastSeq: number;
  /** Set while the journal holds later deliveries of this key that are not in memory: the newest of them. */
  overflowToSeq: number | undefined;
  /** A page of the overflow is on its way. */
  fetching: boolean;
}

/** What keeps a delivery from being attempted. */
export type HeldBy = 'not_ready' | 'paused' | 'breaker' | 'throttled' | 'key';

/** Whether the adapter's code can be called, and how. */
export type RuntimeCondition =
  | { readonly kind: 'not_ready' }
  | {
      readonly kind: 'ready';
      /** The event types that it takes. */
      readonly accepts: ReadonlySet<string> | 'all';
      /** Attempts at a time, 1 to {@link MAX_CONCURRENCY}. */
      readonly concurrency: number;
      /** How long an attempt may take before its outcome is `timed_out`. */
      readonly attemptTimeoutMs: number;
    };

/** More attempts at a time than this no external system has asked for, and each costs memory. */
export const MAX_CONCURRENCY = 1_024;

export type BreakerCondition = 'closed' | 'open' | 'half_open';

/** Why no attempts are made until a person resumes the lane. */
export type PauseCause =
  | { readonly kind: 'operator'; readonly reason: string }
  | { readonly kind: 'misconfigured'; readonly failure: Failure };

/** Everything a lane knows. Only `step` changes it. */
export interface LaneState {
  readonly rules: LaneRules;
  readonly random: Random;
  runtime: RuntimeCondition;
  breaker: BreakerCondition;
  /** Half-open lets one delivery through; true once that has begun. */
  probeSent: boolean;
  pause: PauseCause | undefined;
  draining: boolean;
  throttledUntilMs: number;
  /** Attempts at a time for now: 1 after trouble, then doubled with each round of successes up to the concurrency. */
  ramp: number;

  readonly deliveries: Map<number, LaneDelivery>;
  readonly lines: Map<string, Line>;
  readonly ready: Queue<LaneDelivery>;
  readonly scheduled: DueTimes<LaneDelivery>;
  /** In the order of their deadlines, which is the order of their starts: all have the same time to run. */
  readonly attempting: Set<LaneDelivery>;
  overdue: number;
  /** Records that were asked for and are not on disk yet. */
  unrecorded: number;
  windowBytes: number;
  /** Room that is kept for pages on their way. */
  readonly awaited: { deliveries: number; bytes: number };

  /** Every delivery up to this seq is settled, in the window, or in a line's overflow. */
  fetchedToSeq: number;
  /** The newest event that is known to exist. */
  newestSeq: number;
  /** A page of the backlog is on its way. */
  fetching: boolean;
}

/** What happens to a lane. `atMs` is a monotonic clock's time and never goes back. */
export type LaneInput =
  /** Events were accepted; each is for this adapter. */
  | { readonly kind: 'arrived'; readonly atMs: number; readonly deliveries: readonly OpenDelivery[] }
  /** A fetch was answered. `delayMs` of each delivery: how long until it may go. */
  | {
      readonly kind: 'fetched';
      readonly atMs: number;
      readonly fetch: FetchEffect;
      readonly deliveries: readonly FetchedDelivery[];
      readonly scannedToSeq: number;
    }
  /** Adapter code returned. */
  | { readonly kind: 'attempt_ended'; readonly atMs: number; readonly seq: number; readonly outcome: Outcome }
  /** What a record effect asked for is on disk. */
  | { readonly kind: 'recorded'; readonly atMs: number; readonly seq: number }
  | { readonly kind: 'breaker_changed'; readonly atMs: number; readonly breaker: BreakerCondition }
  | { readonly kind: 'runtime_changed'; readonly atMs: number; readonly runtime: RuntimeCondition }
  | { readonly kind: 'paused'; readonly atMs: number; readonly cause: PauseCause }
  | { readonly kind: 'resumed'; readonly atMs: number }
  /** The hub stops: what runs may finish, nothing new begins. */
  | { readonly kind: 'draining'; readonly atMs: number }
  | { readonly kind: 'time_passed'; readonly atMs: number };

/** A delivery from the journal with its waiting time on the monotonic clock. */
export interface FetchedDelivery {
  readonly delivery: OpenDelivery;
  readonly delayMs: number;
}

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
  /** The lane paused itself. */
  | { readonly kind: 'tell_paused'; readonly cause: PauseCause };

/** Put this on disk, then say `recorded`. */
export interface RecordEffect {
  readonly kind: 'record';
  readonly event: AcceptedEvent;
  readonly counts: DeliveryCounts;
  readonly state: RecordedState;
  /** For retrying: how long until the next attempt; undefined when that depends on a person. */
  readonly nextAttemptInMs: number | undefined;
  /** The attempt that led here; undefined for skipped. */
  readonly attempt: { readonly durationMs: number; readonly outcome: Outcome } | undefined;
}

/** Read deliveries from the journal, then say `fetched`. */
export interface FetchEffect {
  readonly kind: 'fetch';
  readonly afterSeq: number;
  /** With a key: only its deliveries, and only up to this seq. */
  readonly overflowOf: { readonly key: string; readonly upToSeq: number } | undefined;
  readonly limit: number;
  readonly limitBytes: number;
}

/** A lane before anything happened. `newestSeq`: the newest event in the journal. */
export function createLane(rules: LaneRules, options: { seed: number; newestSeq: number }): LaneState {
  return {
    rules,
    random: { seed: options.seed },
    runtime: { kind: 'not_ready' },
    breaker: 'closed',
    probeSent: false,
    pause: undefined,
    draining: false,
    throttledUntilMs: 0,
    ramp: MAX_CONCURRENCY,
    deliveries: new Map(),
    lines: new Map(),
    ready: new Queue(),
    scheduled: new DueTimes(),
    attempting: new Set(),
    overdue: 0,
    unrecorded: 0,
    windowBytes: 0,
    awaited: { deliveries: 0, bytes: 0 },
    fetchedToSeq: 0,
    newestSeq: options.newestSeq,
    fetching: false,
  };
}

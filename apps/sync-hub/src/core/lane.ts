import type { DeliveryCounts } from './delivery.ts';
import { DueTimes } from './due-times.ts';
import type { AcceptedEvent } from './event.ts';
import { Evidence } from './evidence.ts';
import { type DeadLetterOfKey, HeldKeys } from './held-keys.ts';
import type { Failure } from './outcome.ts';
import type { PassedOver } from './passed-over.ts';
import type { Queue } from './queue.ts';
import type { Random } from './random.ts';
import { Ready } from './ready.ts';
import type { RetryPolicy } from './retry.ts';
import { RunningAttempts } from './running-attempts.ts';

/** The rules of one lane: numbers that do not change while it lives. */
export interface LaneRules {
  readonly retry: RetryPolicy;
  /** An event in whose attempts the adapter broke so often is quarantined as a dead letter. */
  readonly maxCrashes: number;
  readonly onDeadLetter: OnDeadLetter;
  readonly window: WindowBounds;
  /** Events up to this seq may have been attempted by an earlier hub process that did not live to record it. */
  readonly recoveredToSeq: number;
}

/** What becomes of a key after a dead letter: its later events go on, or wait until a person has decided about it. */
export type OnDeadLetter = 'continue' | 'hold';

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

/** Where a delivery in the window stands. Only the head of a line is ever in another state than `queued`, but for one
 * that is settled without an attempt, which is recorded wherever it stands. */
export type WindowState =
  /** Behind an earlier delivery of its key, or its adapter's accepted types are not known yet. It does not go before it
   * is due; 0 when it may at once. */
  | { readonly kind: 'queued'; readonly dueAtMs: number }
  /** It goes as soon as the gate and the concurrency allow. */
  | { readonly kind: 'ready' }
  /** An attempt failed; the next is due then. */
  | ({ readonly kind: 'scheduled' } & DueAgain)
  /** Adapter code runs. */
  | {
      readonly kind: 'attempting';
      readonly startedAtMs: number;
      readonly timeoutMs: number;
      readonly deadlineAtMs: number;
      /** Its failure does not count. */
      readonly probe: boolean;
      /** When it fails, the delivery becomes a dead letter. */
      readonly isLast: boolean;
    }
  /** Its deadline passed, adapter code still runs and owns the key; what follows waits for both. */
  | { readonly kind: 'overdue'; readonly next: AfterRecord; readonly recorded: boolean }
  /** Its outcome is on the way to the disk. Until it is there the key is not free: else a crash now could let a later
   * event of the key overtake this one. */
  | { readonly kind: 'recording'; readonly next: AfterRecord }
  /** It has left the window: it was settled, or gave its place to others and waits in the journal. */
  | { readonly kind: 'gone' };

/** What a delivery becomes once its outcome is on disk. */
export type AfterRecord =
  | { readonly kind: 'settled' }
  /** Settled, and its key may have to wait. */
  | { readonly kind: 'dead' }
  | ({ readonly kind: 'again' } & DueAgain);

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
  /** On the monotonic clock, when it was accepted or replayed; below zero when that was before the hub started. */
  sinceMs: number;
  counts: DeliveryCounts;
  state: WindowState;
  /** The adapter broke while it had this and others. It goes alone until an attempt did not end so. Known in memory
   * alone: after a restart one more crash finds it out again. */
  isSuspect: boolean;
  /** What was last told to hold it; told again only when it changes. */
  toldHeldBy: HeldBy | undefined;
}

/** The deliveries of one key in the order accepted, behind the one that runs. A delivery without a key has a line of its
 * own. */
export interface Line {
  readonly key: string;
  readonly deliveries: Queue<LaneDelivery>;
  /** Up to this seq, all of the key that is open is in line, runs, or is held. */
  readToSeq: number;
  /** Set while the journal may hold deliveries of this key that are not in memory: none is later than this. */
  overflowToSeq: number | undefined;
  /** The page of the overflow that is on its way. */
  fetchId: number | undefined;
  /** From here on that page is not to be used: something came to lie before its end meanwhile. */
  readAgainFromSeq: number | undefined;
}

/** What keeps a delivery from being attempted. */
export type HeldBy = 'not_ready' | 'paused' | 'breaker' | 'throttled' | 'key';

/** Whether the adapter's code can be called, and how. */
export type RuntimeCondition =
  | {
      readonly kind: 'not_ready';
      /** The event types that it took when it last ran; absent: nobody knows. What it does not take is skipped. */
      readonly accepts?: ReadonlySet<string> | 'all';
    }
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
  /** Attempts that were throttled for the whole lane since the last that was delivered. */
  throttlesInARow: number;
  readonly evidence: Evidence;
  /** What failed last, unless something was delivered since: a half-open breaker tries another key. */
  failedLast: Pick<AcceptedEvent, 'key' | 'seq'> | undefined;
  /** When the breaker closed last; -Infinity when it never did. */
  breakerClosedAtMs: number;
  /** Attempts at a time for now: 1 after trouble, then doubled with each round of successes up to the concurrency. */
  ramp: number;

  readonly deliveries: Map<number, LaneDelivery>;
  readonly lines: Map<string, Line>;
  readonly ready: Ready;
  readonly scheduled: DueTimes<LaneDelivery>;
  readonly attempting: RunningAttempts;
  overdue: number;
  /** A suspect runs, so nothing else begins. */
  suspectRuns: boolean;
  /** What a person wants attempted now. */
  asked: LaneDelivery | undefined;
  /** Records that were asked for and are not on disk yet. */
  unrecorded: number;
  windowBytes: number;
  /** Room that is kept for pages on their way. */
  readonly awaited: { deliveries: number; bytes: number };

  /** Every delivery up to this seq is settled, in the window, in a line's overflow, held by a dead letter, or passed over. */
  fetchedToSeq: number;
  /** The newest event that is known to exist. */
  newestSeq: number;
  /** What was read and has no place in memory, as far as the present pass over it has gathered it. */
  passedOver: PassedOver | undefined;
  /** The present pass: what the one before had gathered, being read again. */
  pass: { readonly over: PassedOver; readToSeq: number } | undefined;
  /** Passes that were begun. */
  passes: number;
  /** A page of the backlog or of what was passed over is on its way. */
  fetching: boolean;
  /** Which of the two was read last: they take turns. */
  lastRead: 'backlog' | 'passed_over';
  /** From here on the page of the backlog that is on its way is not to be used: a delivery was opened again there. */
  readAgainFromSeq: number | undefined;
  readonly fetches: OutstandingFetches;
  readonly heldKeys: HeldKeys;
  /** What is being settled and is not in the window. */
  readonly outside: Map<number, OutsideDelivery>;
  lastLookUpId: number;
}

/** The pages on their way. One that was asked for before a delivery left the window may bring it as it was. */
export interface OutstandingFetches {
  lastId: number;
  count: number;
  /** Of these, those that may bring what was in the window. */
  repeating: number;
  /** By seq, what left while such a page was on its way: pages up to this id are wrong about it. */
  readonly left: Map<number, number>;
}

/** A delivery that is only in the journal and is being settled without an attempt. */
export type OutsideDelivery =
  /** A person gives it up, and how it stands on disk is being looked up. */
  | { readonly kind: 'looking_up'; readonly lookUpId: number; readonly reason: string }
  /** It is open, and the record that settles it is on the way to the disk. */
  | { readonly kind: 'recording' };

export interface NewLane {
  /** Where the generator for jitter begins. */
  readonly seed: number;
  /** The newest event in the journal. */
  readonly newestSeq: number;
  /** The dead letters of the journal that hold their keys. */
  readonly deadLetters?: readonly DeadLetterOfKey[];
}

/** A lane before anything happened. */
export function createLane(rules: LaneRules, { seed, newestSeq, deadLetters = [] }: NewLane): LaneState {
  const heldKeys = new HeldKeys();
  if (rules.onDeadLetter === 'hold') for (const deadLetter of deadLetters) heldKeys.add(deadLetter);
  return {
    rules,
    random: { seed },
    runtime: { kind: 'not_ready' },
    breaker: 'closed',
    probeSent: false,
    pause: undefined,
    draining: false,
    throttledUntilMs: 0,
    throttlesInARow: 0,
    evidence: new Evidence(),
    failedLast: undefined,
    breakerClosedAtMs: Number.NEGATIVE_INFINITY,
    ramp: MAX_CONCURRENCY,
    deliveries: new Map(),
    lines: new Map(),
    ready: new Ready(),
    scheduled: new DueTimes(),
    attempting: new RunningAttempts(),
    overdue: 0,
    suspectRuns: false,
    asked: undefined,
    unrecorded: 0,
    windowBytes: 0,
    awaited: { deliveries: 0, bytes: 0 },
    fetchedToSeq: 0,
    newestSeq,
    passedOver: undefined,
    pass: undefined,
    passes: 0,
    fetching: false,
    lastRead: 'passed_over',
    readAgainFromSeq: undefined,
    fetches: { lastId: 0, count: 0, repeating: 0, left: new Map() },
    heldKeys,
    outside: new Map(),
    lastLookUpId: 0,
  };
}

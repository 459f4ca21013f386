import type { DeliveryCounts, ReadyDelivery, ReadyPlace } from './delivery.ts';
import type { AcceptedEvent } from './event.ts';
import { Evidence } from './evidence.ts';
import type { Failure } from './outcome.ts';
import type { Random } from './random.ts';
import { ReadyQueue } from './ready-queue.ts';
import { oldestKnownAgeMs, type RetryPolicy } from './retry.ts';
import { RunningAttempts } from './running-attempts.ts';

/** The rules of one lane: numbers that do not change while it lives. */
export interface LaneRules {
  readonly retry: RetryPolicy;
  /** An event in whose attempts the adapter broke this often is quarantined as a dead letter. */
  readonly maxCrashes: number;
  readonly prefetch: PrefetchBounds;
}

/** What happens to a key after a dead letter: its later events continue, or wait until an operator has decided about it. */
export type OnDeadLetter = 'continue' | 'hold';

/** What a lane holds in memory beside what runs; the rest waits in the journal. */
export interface PrefetchBounds {
  readonly deliveries: number;
  /** Of payload. The last delivery that is taken may exceed it, whatever its size. */
  readonly bytes: number;
}

/** As many again as can run at a time: while half of them run, the other half is read. */
export const DEFAULT_PREFETCH: PrefetchBounds = { deliveries: 1_024, bytes: 8 * 1024 * 1024 };

/** A delivery that the lane has from the journal, until its outcome is on disk. */
export interface LaneDelivery {
  readonly event: AcceptedEvent;
  /** On the monotonic clock, when it was accepted or replayed. */
  readonly sinceMs: number;
  /** An earlier process may have attempted it and not lived to record that. */
  readonly mayHaveRun: boolean;
  /** When it is due, on the monotonic clock, when it was looked for ahead of that; 0: it was due. */
  aheadUntilMs: number;
  counts: DeliveryCounts;
  /** Changed by {@link enter} alone. */
  phase: DeliveryPhase;
}

export type DeliveryPhase =
  /** It is being put somewhere else in this step. */
  | { readonly kind: 'taken' }
  /** It goes as soon as the gate and the concurrency allow. */
  | { readonly kind: 'ready' }
  /** Code of its key still runs past its deadline, and owns the key until it returns. */
  | { readonly kind: 'blocked' }
  /** Adapter code runs. */
  | {
      readonly kind: 'attempting';
      readonly startedAtMs: number;
      readonly timeoutMs: number;
      readonly deadlineAtMs: number;
      /** Its failure does not count. */
      readonly isProbe: boolean;
      /** When it fails, the delivery becomes a dead letter. */
      readonly isLast: boolean;
    }
  /** Its outcome is on the way to the disk. Only then does the journal hand out what comes next of its key. */
  | { readonly kind: 'recording' };

/** What orders deliveries: their key; one without a key is alone. */
export type KeyOrSeq = string | number;

export function keyOrSeq({ key, seq }: Pick<AcceptedEvent, 'key' | 'seq'>): KeyOrSeq {
  return key === '' ? seq : key;
}

/** Adapter code that did not return by its deadline. */
export interface OverdueAttempt {
  readonly seq: number;
  /** What goes once it has returned; undefined while the journal has handed out nothing of its key. */
  blocked: LaneDelivery | undefined;
}

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

/** More attempts at a time than this no external system has asked for, and each costs memory. */
export const MAX_CONCURRENCY = 1_024;

export type BreakerCondition = 'closed' | 'open' | 'half_open';

/** Why no attempts are made until an operator resumes the lane. */
export type PauseCause =
  | { readonly kind: 'operator'; readonly reason: string }
  | { readonly kind: 'misconfigured'; readonly failure: Failure };

/** Everything a lane knows. Only `step` changes it. */
export interface LaneState {
  readonly rules: LaneRules;
  readonly random: Random;
  /** On the monotonic clock: no delivery is taken for older than since then. */
  readonly oldestMs: number;
  runtime: RuntimeCondition;
  readonly breaker: BreakerView;
  pause: PauseCause | undefined;
  draining: boolean;
  readonly throttle: Throttle;
  /** Attempts at a time for now: 1 after trouble, then doubled with each round of successes up to the concurrency. */
  ramp: number;
  readonly evidence: Evidence;

  /** All that it has from the journal, by seq. */
  readonly deliveries: Map<number, LaneDelivery>;
  readonly ready: ReadyQueue;
  readonly running: RunningAttempts;
  readonly overdue: Map<KeyOrSeq, OverdueAttempt>;
  /** Records that were asked for and are not on disk yet. */
  unrecorded: number;

  readonly supply: Supply;
  /** Not to be begun until the journal has answered: they are being discarded or given back. With what a commit handed out
   * again meanwhile. */
  readonly withheld: Map<number, ReadyDelivery | undefined>;
  /** What the lane looks for ahead of its due time. */
  readonly lookahead: Lookahead;
}

/** The breaker as the lane knows it. */
export interface BreakerView {
  condition: BreakerCondition;
  /** Half-open lets one delivery through; true once that has begun. */
  probeSent: boolean;
  /** When it closed last; -Infinity when it never did. */
  closedAtMs: number;
  /** What failed last, unless something was delivered since: a half-open breaker tries another key. */
  failedLast: Pick<AcceptedEvent, 'key' | 'seq'> | undefined;
}

/** When the whole lane waits. On the monotonic clock; 0: it does not. */
export interface Throttle {
  /** The external system asked for less. */
  untilMs: number;
  /** Attempts that were throttled for the whole lane since the last that was delivered. */
  inARow: number;
  /** The adapter ended before it had what it was sent. */
  notRunUntilMs: number;
}

/** How far the lane has read what is ready. */
export interface Supply {
  /** Everything that was ready up to here was handed to the lane; undefined: nothing yet. */
  place: ReadyPlace | undefined;
  /** The journal has more that is ready. */
  isMore: boolean;
  isReading: boolean;
  /** When the earliest head is due that was not when it was reported; Infinity when there is none. */
  nextDueAtMs: number;
}

export interface Lookahead {
  /** A head is being read: for an operator who lets one through, or for the half-open breaker. */
  reading: 'operator' | 'breaker' | undefined;
  /** What the half-open breaker looked for and did not find, since something last became ready. */
  missing: 'of_another_key' | 'all' | undefined;
  /** What an operator wants attempted now. */
  asked: LaneDelivery | undefined;
  /** Deliveries that have used up their attempts, by seq: when their last one is made, on a system that works. */
  readonly lastAttempts: Map<number, number>;
}

export interface NewLane {
  /** Where the generator for jitter begins. */
  readonly seed: number;
  readonly nowMs: number;
}

/** A lane before anything happened. What is ready is read from the beginning. */
export function createLane(rules: LaneRules, { seed, nowMs }: NewLane): LaneState {
  return {
    rules,
    random: { seed },
    oldestMs: nowMs - oldestKnownAgeMs(rules.retry),
    runtime: { kind: 'not_ready' },
    breaker: {
      condition: 'closed',
      probeSent: false,
      closedAtMs: Number.NEGATIVE_INFINITY,
      failedLast: undefined,
    },
    pause: undefined,
    draining: false,
    throttle: { untilMs: 0, inARow: 0, notRunUntilMs: 0 },
    ramp: MAX_CONCURRENCY,
    evidence: new Evidence(),
    deliveries: new Map(),
    ready: new ReadyQueue(),
    running: new RunningAttempts(),
    overdue: new Map(),
    unrecorded: 0,
    supply: { place: undefined, isMore: true, isReading: false, nextDueAtMs: Number.POSITIVE_INFINITY },
    withheld: new Map(),
    lookahead: { reading: undefined, missing: undefined, asked: undefined, lastAttempts: new Map() },
  };
}

/** Takes a delivery that the journal handed out. It is in no phase yet. */
export function createDelivery(state: LaneState, ready: ReadyDelivery): LaneDelivery {
  const { event, cycle, attempts, spent, crashes, mayHaveRun, sinceMs } = ready;
  const delivery: LaneDelivery = {
    event,
    sinceMs: Math.max(sinceMs, state.oldestMs),
    mayHaveRun,
    aheadUntilMs: 0,
    counts: { cycle, attempts, spent: spent + state.evidence.countedOf(event.seq), crashes },
    phase: { kind: 'taken' },
  };
  state.deliveries.set(event.seq, delivery);
  return delivery;
}

/** The one place where a delivery changes its phase. */
export function enter(state: LaneState, delivery: LaneDelivery, phase: DeliveryPhase): void {
  const before = delivery.phase;
  if (before.kind === 'ready') state.ready.delete(delivery);
  else if (before.kind === 'attempting') state.running.delete(delivery, before.timeoutMs);
  else if (before.kind === 'recording') state.unrecorded -= 1;
  delivery.phase = phase;
  if (phase.kind === 'ready') state.ready.add(delivery);
  else if (phase.kind === 'attempting') state.running.add(delivery, phase.timeoutMs);
  else if (phase.kind === 'recording') state.unrecorded += 1;
}

/** The lane has a delivery no longer: what happens to it next, the journal says. */
export function release(state: LaneState, delivery: LaneDelivery): void {
  enter(state, delivery, { kind: 'taken' });
  state.deliveries.delete(delivery.event.seq);
  const overdue = state.overdue.get(keyOrSeq(delivery.event));
  if (overdue?.blocked === delivery) overdue.blocked = undefined;
  if (state.lookahead.asked === delivery) state.lookahead.asked = undefined;
}

import type { DeliveryCounts, ReadyDelivery, ReadyPlace } from './delivery.ts';
import type { AcceptedEvent } from './event.ts';
import { Evidence } from './evidence.ts';
import {
  type BreakerCondition,
  type LaneEffect,
  MAX_CONCURRENCY,
  type PauseCause,
  type RuntimeCondition,
} from './lane-messages.ts';
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

/** What a lane holds in memory beside what runs; the rest waits in the journal. */
export interface PrefetchBounds {
  readonly deliveries: number;
  /** Of payload. The last delivery that is taken may exceed it, whatever its size. */
  readonly bytes: number;
}

/** As many as can run at a time at the most, beside those that run. More is read once half of it is free. */
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
  /** An older one of its key was replayed while its attempt ran. */
  isBehind: boolean;
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

/** Everything a lane knows. Only `step` changes it. */
export interface LaneState {
  readonly rules: LaneRules;
  readonly random: Random;
  /** On the monotonic clock: a delivery that was accepted before this counts as accepted then. */
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
  readonly ready: ReadyQueue<LaneDelivery>;
  readonly running: RunningAttempts<LaneDelivery>;
  readonly overdue: Map<KeyOrSeq, OverdueAttempt>;
  /** Records that were asked for and are not on disk yet. */
  unrecorded: number;

  readonly supply: Supply;
  /** Not to be begun until the journal has answered, by seq, with how many answers are to come: they are being discarded
   * or given back. What hands them out meanwhile may be older than the answer. */
  readonly withheld: Map<number, number>;
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
  /** For whom a head is being read: an operator who lets one through, the half-open breaker. */
  readonly reading: Set<'operator' | 'breaker'>;
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
    lookahead: { reading: new Set(), missing: undefined, asked: undefined, lastAttempts: new Map() },
  };
}

/** One step in the making: the state it changes, the time it happens at, the effects it gathers. */
export interface StepContext {
  readonly state: LaneState;
  readonly nowMs: number;
  readonly effects: LaneEffect[];
}

/** Takes a delivery that is ready; undefined when the lane has it, or may not begin it now. */
export function admit(context: StepContext, handed: ReadyDelivery): LaneDelivery | undefined {
  const { state } = context;
  const { seq } = handed.event;
  const known = state.deliveries.get(seq);
  // It has its place by now: a lane that let go of it would not read it again.
  if (known !== undefined && handed.dueAtMs <= context.nowMs + 1) known.aheadUntilMs = 0;
  if (state.withheld.has(seq) || known !== undefined) return undefined;
  const delivery = createDelivery(state, handed);
  const overdue = state.overdue.get(keyOrSeq(handed.event));
  if (isSkipped(state, delivery)) {
    skip(context, delivery);
  } else if (overdue !== undefined) {
    overdue.blocked = delivery;
    enter(state, delivery, { kind: 'blocked' });
  } else {
    enter(state, delivery, { kind: 'ready' });
  }
  return delivery;
}

/** In no phase yet. */
function createDelivery(state: LaneState, ready: ReadyDelivery): LaneDelivery {
  const { event, cycle, attempts, spent, crashes, mayHaveRun, sinceMs } = ready;
  const delivery: LaneDelivery = {
    event,
    sinceMs: Math.max(sinceMs, state.oldestMs),
    mayHaveRun,
    aheadUntilMs: 0,
    isBehind: false,
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
  else if (phase.kind === 'attempting') state.running.add(delivery, phase);
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

/** The lane does not begin it until the journal has answered. */
export function withhold(state: LaneState, seq: number): void {
  const delivery = state.deliveries.get(seq);
  if (delivery !== undefined) release(state, delivery);
  state.withheld.set(seq, (state.withheld.get(seq) ?? 0) + 1);
}

/** Settles a delivery that the adapter does not accept. */
export function skip({ state, effects }: StepContext, delivery: LaneDelivery): void {
  const { event, counts } = delivery;
  enter(state, delivery, { kind: 'recording' });
  const none = { nextAttemptInMs: undefined, notBeforeInMs: 0, attempt: undefined };
  effects.push({ kind: 'record', event, counts, state: 'skipped', ...none });
}

/** True when the adapter is known not to accept events of this type. */
export function isSkipped({ runtime }: LaneState, { event }: LaneDelivery): boolean {
  const { accepts = 'all' } = runtime;
  return accepts !== 'all' && !accepts.has(event.type);
}

/** Between a failure and the last attempt. */
const LEAST_WAIT_MS = 500;

/** How long after a failure a delivery that has used up its attempts may have its last one. */
export function leastWaitMs({ rules: { retry } }: LaneState): number {
  return Math.min(LEAST_WAIT_MS, retry.baseMs);
}

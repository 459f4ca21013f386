import type { ReadyDelivery } from './delivery.ts';
import type { AcceptedEvent } from './event.ts';
import type { HeldBy, LaneInput, LookPlace, LookPurpose } from './lane-messages.ts';
import {
  admit,
  enter,
  keyOrSeq,
  type LaneDelivery,
  type LaneState,
  leastWaitMs,
  release,
  type StepContext,
} from './lane-state.ts';

/** What keeps the whole lane from making attempts, the one that an operator would have to look at first; undefined when
 * nothing does. */
export function laneHeldBy({ runtime, pause, breaker, throttle }: LaneState, nowMs: number): HeldBy | undefined {
  if (runtime.kind === 'not_ready') return 'not_ready';
  if (pause !== undefined) return 'paused';
  if (breaker.condition === 'open' || (breaker.condition === 'half_open' && breaker.probeSent)) return 'breaker';
  if (throttle.untilMs > nowMs) return 'throttled';
  return undefined;
}

/** How many attempts may run now, counted with those that run. */
function attemptLimit(state: LaneState, nowMs: number): number {
  const { runtime, breaker, overdue, ramp, draining, throttle } = state;
  if (draining || runtime.kind === 'not_ready' || laneHeldBy(state, nowMs) !== undefined) return 0;
  if (throttle.notRunUntilMs > nowMs) return 0;
  // Exactly one probe, and only after the attempts from before have ended: while one of them runs, one is enough to be at
  // the limit. The breaker knows the outcome of the overdue ones already.
  if (breaker.condition === 'half_open') return overdue.size + 1;
  // Overdue attempts still burden the other side, so they count. But their code may never return, and a lane that waited
  // for it would stall with nothing to show why: beside them one attempt may always run.
  return Math.max(Math.min(overdue.size + ramp, runtime.concurrency), overdue.size + 1);
}

/** What keeps an open delivery from being attempted; undefined when nothing does, when it runs, and when it waits for its
 * own next attempt. That an earlier one of its key waits, the journal knows. */
export function heldBy(state: LaneState, event: Pick<AcceptedEvent, 'key' | 'seq'>, nowMs: number): HeldBy | undefined {
  const kind = state.deliveries.get(event.seq)?.phase.kind;
  if (kind === 'attempting' || kind === 'recording') return undefined;
  return laneHeldBy(state, nowMs) ?? (state.overdue.has(keyOrSeq(event)) ? 'key' : undefined);
}

/** Begins as many attempts as the gate and the concurrency allow, and what an operator asked for. */
export function beginAttempts(context: StepContext): void {
  const { state, nowMs } = context;
  const { running, overdue, ready, lookahead, breaker } = state;
  if (state.runtime.kind === 'not_ready') return;
  const { asked } = lookahead;
  if (asked?.phase.kind === 'ready' && breaker.condition !== 'open' && !state.draining) {
    lookahead.asked = undefined;
    begin(context, asked, { isProbe: true });
  }
  const limit = attemptLimit(state, nowMs);
  while (running.size + overdue.size < limit && !waitsForSuspect(state)) {
    const isProbe = breaker.condition === 'half_open';
    const next = isProbe ? nextProbe(context) : ready.first();
    if (next === undefined) return;
    begin(context, next, { isProbe });
    if (isProbe) return;
  }
}

/** True while one runs that may have broken the adapter, which it does alone, or waits for what runs to end. */
function waitsForSuspect({ ready, running }: LaneState): boolean {
  if (running.size === 0) return false;
  return ready.hasSuspect || (running.size === 1 && ready.isSuspect(running.first as LaneDelivery));
}

/**
 * What a half-open breaker tries: not of the key that failed last, so that one event that always fails does not keep it
 * open. With nothing of another key ready, the head of another key that is due first is looked for, else one of that key:
 * to wait out its own backoff as well would only make the recovery late. What the external system asked for is waited out.
 */
function nextProbe(context: StepContext): LaneDelivery | undefined {
  const { ready, breaker, lookahead, supply } = context.state;
  const next = ready.firstExcept(breaker.failedLast);
  if (next !== undefined) return next;
  const ofFailedKey = lookahead.missing === undefined ? undefined : ready.first();
  if (ofFailedKey !== undefined || lookahead.missing === 'all') return ofFailedKey;
  if (lookahead.reading.size === 0 && !supply.isReading) {
    lookahead.reading.add('breaker');
    const except = lookahead.missing === undefined ? breaker.failedLast : undefined;
    lookBehind(context, 'breaker', { except, ignoreNotBefore: false });
  }
  return undefined;
}

function begin(
  { state, nowMs, effects }: StepContext,
  delivery: LaneDelivery,
  { isProbe }: { isProbe: boolean },
): void {
  const { runtime, breaker } = state;
  if (runtime.kind === 'not_ready') return;
  const { event, counts, mayHaveRun } = delivery;
  const { attemptTimeoutMs: timeoutMs } = runtime;
  const isLast = !isProbe && isLastAttempt(state, delivery, nowMs);
  const times = { startedAtMs: nowMs, timeoutMs, deadlineAtMs: nowMs + timeoutMs };
  enter(state, delivery, { kind: 'attempting', ...times, isProbe, isLast });
  state.lookahead.lastAttempts.delete(event.seq);
  if (breaker.condition === 'half_open') breaker.probeSent = true;
  const redelivered = mayHaveRun || counts.attempts > 0 || counts.cycle > 1;
  effects.push({ kind: 'attempt', event, number: counts.attempts + 1, redelivered, timeoutMs });
}

/** True for an attempt that begins now when its failure would be the last: see Evidence. */
function isLastAttempt({ rules: { retry }, evidence }: LaneState, { counts }: LaneDelivery, nowMs: number): boolean {
  return retry.maxAttempts === 1 || (counts.spent >= retry.maxAttempts && evidence.isFresh(nowMs));
}

/** Looks for the deliveries whose last attempt is due. */
export function lookForLastAttempts({ state, nowMs, effects }: StepContext): void {
  const { lastAttempts } = state.lookahead;
  for (const [seq, atMs] of lastAttempts) {
    if (atMs > nowMs) continue;
    const phase = state.deliveries.get(seq)?.phase.kind;
    if (phase === 'recording') {
      lastAttempts.set(seq, nowMs + leastWaitMs(state));
      continue;
    }
    lastAttempts.delete(seq);
    // One that is here goes by itself.
    if (phase !== undefined || state.draining) continue;
    effects.push({ kind: 'look_ahead', purpose: 'last_attempt', at: { seq } });
  }
}

/** When the next of them is due; Infinity when there is none. */
export function nextLastAttemptMs({ lookahead: { lastAttempts } }: LaneState): number {
  let earliestMs = Number.POSITIVE_INFINITY;
  for (const atMs of lastAttempts.values()) earliestMs = Math.min(earliestMs, atMs);
  return earliestMs;
}

/**
 * An operator lets one through: the one that would go next, else the head that is due first, whatever it waits for.
 * Nothing when the adapter does not run or has as many as it takes, the hub stops, or one is on its way alone.
 */
export function probe(context: StepContext): void {
  const { state, effects } = context;
  const { lookahead } = state;
  const next = firstReady(state);
  if (!mayProbe(state, next)) {
    effects.push({ kind: 'probing', event: undefined });
  } else if (next !== undefined) {
    lookahead.asked = next;
    effects.push({ kind: 'probing', event: next.event });
  } else {
    lookahead.reading.add('operator');
    lookBehind(context, 'operator', { except: undefined, ignoreNotBefore: true });
  }
}

function firstReady({ ready, breaker }: LaneState): LaneDelivery | undefined {
  return ready.firstExcept(breaker.failedLast) ?? ready.first();
}

function mayProbe(state: LaneState, next: ReadyDelivery | LaneDelivery | undefined): boolean {
  const { runtime, draining, breaker, running, overdue, lookahead, ready } = state;
  if (runtime.kind === 'not_ready' || draining || lookahead.reading.has('operator')) return false;
  if (breaker.condition === 'half_open' && breaker.probeSent) return false;
  if (running.size > 0 && (waitsForSuspect(state) || (next !== undefined && ready.isSuspect(next)))) return false;
  return running.size < Math.max(1, runtime.concurrency - overdue.size);
}

type Head = Omit<LaneInput & { kind: 'head' }, 'kind' | 'atMs'>;

/** What was looked for ahead of its time. It is taken when it goes now, and else waits on where it is. */
export function handleHead(context: StepContext, { purpose, head }: Head): void {
  const { state, effects, nowMs } = context;
  const { lookahead, breaker } = state;
  switch (purpose) {
    case 'operator': {
      lookahead.reading.delete('operator');
      // Meanwhile something may have become ready, that very head among it.
      const next = firstReady(state);
      if (next === undefined && head !== undefined && state.withheld.has(head.event.seq)) {
        // It is being discarded or given back, and is not there any more for the next look.
        probe(context);
        break;
      }
      lookahead.asked = mayProbe(state, next ?? head) ? (next ?? admitReady(context, head)) : undefined;
      effects.push({ kind: 'probing', event: lookahead.asked?.event });
      break;
    }
    case 'breaker':
      lookahead.reading.delete('breaker');
      if (breaker.condition !== 'half_open' || breaker.probeSent) break;
      if (admitReady(context, head) === undefined) {
        lookahead.missing =
          lookahead.missing === undefined && breaker.failedLast !== undefined ? 'of_another_key' : 'all';
      }
      break;
    case 'last_attempt':
      if (head !== undefined && head.notBeforeMs <= nowMs) admitReady(context, head);
      break;
    default:
      purpose satisfies never;
  }
}

/** The breaker closed: what was let through for a probe that another became waits on, in the journal. */
export function releaseAhead({ state, nowMs }: StepContext): void {
  for (const delivery of [...state.deliveries.values()]) {
    const { kind } = delivery.phase;
    const isWaiting = (kind === 'ready' || kind === 'blocked') && delivery !== state.lookahead.asked;
    if (isWaiting && delivery.aheadUntilMs > nowMs) release(state, delivery);
  }
}

/** Takes a head that can go; undefined when it cannot. */
function admitReady(context: StepContext, head: ReadyDelivery | undefined): LaneDelivery | undefined {
  // What was looked for may be older than the answer for which one that is withheld waits.
  if (head === undefined || context.state.withheld.has(head.event.seq)) return undefined;
  const delivery = admit(context, head);
  if (delivery === undefined) return undefined;
  // Also when overdue code has its key. Places are microseconds apart.
  if (head.dueAtMs > context.nowMs + 1) delivery.aheadUntilMs = head.dueAtMs;
  return delivery.phase.kind === 'ready' ? delivery : undefined;
}

/** Looks for the head that is due first of those that were not handed to the lane. */
function lookBehind(
  { state, effects }: StepContext,
  purpose: LookPurpose,
  look: Pick<Extract<LookPlace, { after: unknown }>, 'except' | 'ignoreNotBefore'>,
): void {
  effects.push({ kind: 'look_ahead', purpose, at: { after: state.supply.place, ...look } });
}

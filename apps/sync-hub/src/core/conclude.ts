import type { DeliveryCounts, RecordedState } from './delivery.ts';
import { MAX_CONCURRENCY } from './lane-messages.ts';
import {
  enter,
  isSkipped,
  keyOrSeq,
  type LaneDelivery,
  type LaneState,
  leastWaitMs,
  release,
  type StepContext,
  skip,
  withhold,
} from './lane-state.ts';
import type { AttemptEnd, Failure, Outcome } from './outcome.ts';
import { nextRandom } from './random.ts';
import { backoffMs, boundedRetryAfterMs, LEAST_MAX_AGE_MS } from './retry.ts';

/** As many at a time: the others have theirs after a later success. */
const LAST_ATTEMPTS_MAX = 64;

/** Adapter code returned: its outcome goes to the disk, unless its deadline had passed and settled that already. */
export function endAttempt(context: StepContext, seq: number, outcome: AttemptEnd): void {
  const { state, nowMs } = context;
  const delivery = state.deliveries.get(seq);
  if (delivery?.phase.kind !== 'attempting') {
    endOverdue(context, seq);
    return;
  }
  if (outcome.kind === 'not_run') {
    if (delivery.isBehind) {
      withhold(state, seq);
      context.effects.push({ kind: 'give_back', seq });
    } else {
      makeReady(context, delivery);
    }
    // A little later: an adapter that never has what it is sent must not be asked in a loop.
    state.throttle.notRunUntilMs = nowMs + backoffMs(state.rules.retry, 1, nextRandom(state.random));
    return;
  }
  // One more for each success doubles the ramp with each round of successes. The probe is before the first round.
  if (outcome.kind === 'delivered' && !delivery.phase.isProbe && state.ramp < MAX_CONCURRENCY) state.ramp += 1;
  conclude(context, delivery, outcome);
}

/** Attempts whose deadline has passed get the outcome `timed_out`; their code is asked to stop. */
export function expireAttempts(context: StepContext): void {
  const { state, nowMs, effects } = context;
  for (;;) {
    const delivery = state.running.firstExpired(nowMs);
    if (delivery?.phase.kind !== 'attempting') return;
    const message = `no answer within ${delivery.phase.timeoutMs} ms; whether it took effect is unknown`;
    conclude(context, delivery, { kind: 'timed_out', failure: { code: 'TIMED_OUT', message } });
    state.overdue.set(keyOrSeq(delivery.event), { seq: delivery.event.seq, blocked: undefined });
    effects.push({ kind: 'abort', seq: delivery.event.seq });
  }
}

/** An outcome reached the disk. */
export function endRecord(state: LaneState, seq: number): void {
  const delivery = state.deliveries.get(seq);
  // What the journal settled by itself, or by an operator, the lane does not have.
  if (delivery?.phase.kind === 'recording') release(state, delivery);
}

/** The code owns its key no longer. */
function endOverdue(context: StepContext, seq: number): void {
  const { state } = context;
  for (const [key, { seq: overdueSeq, blocked }] of state.overdue) {
    if (overdueSeq !== seq) continue;
    state.overdue.delete(key);
    if (blocked !== undefined) makeReady(context, blocked);
    return;
  }
  throw new Error(`an attempt ended that does not run: seq ${seq}`);
}

/** It can go, unless another version of the adapter came meanwhile that does not accept it. What was let through ahead of
 * its time waits for it, in the journal. */
function makeReady(context: StepContext, delivery: LaneDelivery): void {
  const { state, nowMs } = context;
  if (isSkipped(state, delivery)) {
    skip(context, delivery);
  } else if (delivery.aheadUntilMs > nowMs) {
    release(state, delivery);
    state.lookahead.missing = undefined;
  } else {
    enter(state, delivery, { kind: 'ready' });
  }
}

/** What is recorded of an attempt that ended. */
interface Conclusion {
  readonly counts: DeliveryCounts;
  readonly outcome: Outcome;
  readonly state: RecordedState;
  /** For retrying: until the next attempt; undefined when that depends on an operator. */
  readonly inMs?: number | undefined;
  /** Of that the external system asked for this much. */
  readonly notBeforeInMs?: number;
}

/** An attempt came to this outcome: asks for the record of it. */
function conclude(context: StepContext, delivery: LaneDelivery, outcome: Outcome): void {
  record(context, delivery, conclusionOf(context, delivery, outcome));
}

/** What an outcome means for its delivery and its lane. */
function conclusionOf(context: StepContext, delivery: LaneDelivery, outcome: Outcome): Conclusion {
  const { state } = context;
  const counts = { ...delivery.counts, attempts: delivery.counts.attempts + 1 };
  if (outcome.kind !== 'crashed') state.ready.acquit(delivery.event.seq);
  switch (outcome.kind) {
    case 'delivered':
      countFailures(context, delivery);
      state.breaker.failedLast = undefined;
      state.throttle.inARow = 0;
      return { counts, outcome, state: 'delivered' };
    case 'permanent':
      return { counts, outcome, state: 'dead_lettered' };
    case 'throttled': {
      const askedMs = boundedRetryAfterMs(outcome.retryAfterMs);
      if (outcome.scope !== 'delivery') throttle(context, askedMs);
      const inMs = Math.max(askedMs, backoff(context, counts.attempts));
      return { counts, outcome, state: 'retrying', inMs, notBeforeInMs: inMs };
    }
    case 'misconfigured':
      // What an operator paused stays paused until an operator resumes it, and says so.
      if (state.pause === undefined) {
        state.pause = { kind: 'misconfigured', failure: outcome.failure };
        context.effects.push({ kind: 'paused', cause: state.pause });
      }
      return { counts, outcome, state: 'retrying' };
    case 'crashed':
      return concludeCrash(context, delivery, { counts, outcome });
    case 'retryable': {
      const notBeforeInMs = boundedRetryAfterMs(outcome.retryAfterMs ?? 0);
      return retry(context, delivery, { counts, outcome, notBeforeInMs });
    }
    case 'timed_out':
      return retry(context, delivery, { counts, outcome, notBeforeInMs: 0 });
    default:
      return outcome satisfies never;
  }
}

/** With several attempts in the adapter as it broke, each goes alone from now on, and nothing counts. */
function concludeCrash(
  context: StepContext,
  delivery: LaneDelivery,
  { counts, outcome }: { counts: DeliveryCounts; outcome: Outcome & { kind: 'crashed' } },
): Conclusion {
  if (outcome.suspects > 1) {
    context.state.ready.suspect(delivery);
    const inMs = backoff(context, counts.attempts);
    return { counts, outcome, state: 'retrying', inMs };
  }
  const crashes = counts.crashes + 1;
  const counted = { ...counts, crashes };
  if (crashes < context.state.rules.maxCrashes) {
    return retry(context, delivery, { counts: counted, outcome, notBeforeInMs: 0 });
  }
  const failure = quarantined(outcome.failure, crashes);
  return { counts: counted, outcome: { ...outcome, failure }, state: 'dead_lettered' };
}

/** The whole lane waits as long as it was asked to, and no less than a backoff that grows with each attempt that is
 * throttled again: each may be of another delivery, and a system that names no time, or one that has passed, would else
 * be called without end. */
function throttle(context: StepContext, askedMs: number): void {
  const { state, nowMs } = context;
  state.throttle.inARow += 1;
  const waitMs = Math.max(askedMs, backoff(context, state.throttle.inARow));
  state.throttle.untilMs = Math.max(state.throttle.untilMs, nowMs + waitMs);
  state.ramp = 1;
}

/** Tries again with backoff, unless this was the last attempt. */
function retry(
  context: StepContext,
  delivery: LaneDelivery,
  { counts, outcome, notBeforeInMs }: { counts: DeliveryCounts; outcome: Outcome; notBeforeInMs: number },
): Conclusion {
  context.state.breaker.failedLast = delivery.event;
  if (isFinal(context, delivery)) {
    const spent = counts.spent + 1;
    return { counts: { ...counts, spent }, outcome, state: 'dead_lettered' };
  }
  const inMs = Math.max(backoff(context, counts.attempts), notBeforeInMs);
  return { counts, outcome, state: 'retrying', inMs, notBeforeInMs };
}

function backoff({ state: { rules, random } }: StepContext, attempts: number): number {
  return backoffMs(rules.retry, attempts, nextRandom(random));
}

function record({ state: lane, nowMs, effects }: StepContext, delivery: LaneDelivery, conclusion: Conclusion): void {
  const { counts, outcome, state, inMs, notBeforeInMs = 0 } = conclusion;
  const { event, phase } = delivery;
  const durationMs = phase.kind === 'attempting' ? nowMs - phase.startedAtMs : 0;
  if (state === 'retrying') {
    lane.evidence.recorded(event.seq);
  } else {
    lane.evidence.forget(event.seq);
    lane.ready.acquit(event.seq);
  }
  enter(lane, delivery, { kind: 'recording' });
  const attempt = { durationMs, outcome };
  effects.push({ kind: 'record', event, counts, state, nextAttemptInMs: inMs, notBeforeInMs, attempt });
}

function quarantined(failure: Failure, crashes: number): Failure {
  return {
    code: 'QUARANTINED',
    message: `the adapter broke ${crashes} times over this event; last: ${failure.message}`,
  };
}

/**
 * An attempt failed in a way that trying again may fix. Returns whether the delivery is a dead letter: it was the last
 * attempt, or the delivery is older than the maximum age. Its age is measured from when it was accepted or replayed, and
 * from when the breaker closed if that was later: an outage does not use it up. Nor does a jump of the
 * clock: see `oldestMs` of the lane.
 */
function isFinal({ state, nowMs }: StepContext, delivery: LaneDelivery): boolean {
  const { evidence, rules, breaker } = state;
  const { maxAgeMs = LEAST_MAX_AGE_MS, maxAttempts } = rules.retry;
  const attempt = delivery.phase.kind === 'attempting' ? delivery.phase : undefined;
  const mayCount = attempt?.isProbe === false && breaker.condition === 'closed';
  const ageMs = nowMs - Math.max(delivery.sinceMs, breaker.closedAtMs);
  // The system may have gone down while the last attempt ran, as others showed.
  const isLast = attempt?.isLast === true && (maxAttempts === 1 || evidence.isWell);
  const final = mayCount && (isLast || ageMs >= maxAgeMs);
  const { spent } = delivery.counts;
  const isUsedUp = spent >= maxAttempts;
  evidence.failed(delivery.event.seq, { nowMs, mayCount: mayCount && !final, isUsedUp, spent });
  return final;
}

/** A delivery was delivered: what failed before its attempt began counts, and what has used up its attempts gets its last
 * one: soon enough to be right after the success, and not at once after a failure. */
function countFailures({ state, nowMs }: StepContext, delivered: LaneDelivery): void {
  const { evidence, deliveries, lookahead, rules } = state;
  const startedAtMs = delivered.phase.kind === 'attempting' ? delivered.phase.startedAtMs : nowMs;
  for (const [seq, { failures, spent, endedAtMs }] of evidence.delivered(delivered.event.seq, {
    startedAtMs,
    nowMs,
  })) {
    const failed = deliveries.get(seq);
    if (failed !== undefined) failed.counts = { ...failed.counts, spent: failed.counts.spent + failures };
    const isUsedUp = spent + failures >= rules.retry.maxAttempts;
    if (isUsedUp && lookahead.lastAttempts.size < LAST_ATTEMPTS_MAX)
      lookahead.lastAttempts.set(seq, Math.max(nowMs, endedAtMs + leastWaitMs(state)));
  }
}

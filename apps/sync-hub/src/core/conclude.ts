import type { DeliveryCounts, RecordedState } from './delivery.ts';
import { enter, type LaneDelivery } from './lane.ts';
import { countFailures, isFinal } from './last-attempt.ts';
import type { Failure, Outcome } from './outcome.ts';
import { nextRandom } from './random.ts';
import { backoffMs, boundedRetryAfterMs } from './retry.ts';
import type { StepContext } from './step-context.ts';

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
export function conclude(context: StepContext, delivery: LaneDelivery, outcome: Outcome): void {
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

import type { DeliveryCounts, RecordedState } from './delivery.ts';
import type { AfterRecord, LaneDelivery } from './lane.ts';
import { countFailures, isFinal } from './last-attempt.ts';
import type { Failure, Outcome } from './outcome.ts';
import { nextRandom } from './random.ts';
import { backoffMs, boundedRetryAfterMs } from './retry.ts';
import type { Turn } from './turn.ts';

/** An attempt that ended, with what was counted so far. */
interface Ended {
  readonly counts: DeliveryCounts;
  readonly outcome: Outcome;
}

/** What an outcome means for its delivery and its lane: asks for the record and says what follows it. */
export function conclude(turn: Turn, delivery: LaneDelivery, outcome: Outcome): AfterRecord {
  const { state } = turn;
  const counts = { ...delivery.counts, attempts: delivery.counts.attempts + 1 };
  if (outcome.kind !== 'crashed') delivery.isSuspect = false;
  switch (outcome.kind) {
    case 'delivered':
      countFailures(turn, delivery);
      state.failedLast = undefined;
      state.throttlesInARow = 0;
      return settle(turn, delivery, { counts, outcome, state: 'delivered' });
    case 'permanent':
      return settle(turn, delivery, { counts, outcome, state: 'dead_lettered' });
    case 'throttled': {
      const askedMs = boundedRetryAfterMs(outcome.retryAfterMs);
      if (outcome.scope !== 'delivery') throttle(turn, askedMs);
      const inMs = Math.max(askedMs, backoff(turn, counts.attempts));
      return again(turn, delivery, { counts, outcome, inMs, notBeforeInMs: inMs });
    }
    case 'misconfigured':
      // What a person paused stays paused until that person resumes it, and says so.
      if (state.pause === undefined) {
        state.pause = { kind: 'misconfigured', failure: outcome.failure };
        turn.effects.push({ kind: 'tell_paused', cause: state.pause });
      }
      return again(turn, delivery, { counts, outcome, inMs: undefined, notBeforeInMs: 0 });
    case 'crashed':
      if (outcome.suspects > 1) {
        delivery.isSuspect = true;
        return retryFree(turn, delivery, { counts, outcome });
      }
      counts.crashes += 1;
      if (counts.crashes >= state.rules.maxCrashes) {
        const failure = quarantined(outcome.failure, counts.crashes);
        return settle(turn, delivery, { counts, outcome: { ...outcome, failure }, state: 'dead_lettered' });
      }
      return retry(turn, delivery, { counts, outcome, notBeforeInMs: 0 });
    case 'retryable':
      return retry(turn, delivery, { counts, outcome, notBeforeInMs: boundedRetryAfterMs(outcome.retryAfterMs ?? 0) });
    case 'timed_out':
      return retry(turn, delivery, { counts, outcome, notBeforeInMs: 0 });
    default:
      return outcome satisfies never;
  }
}

/** The whole lane waits as long as it was asked to, and no less than a backoff that grows with each attempt that is
 * throttled again: each may be of another delivery, and a system that names no time, or one that has passed, would else
 * be called without end. */
function throttle(turn: Turn, askedMs: number): void {
  const { state, nowMs } = turn;
  state.throttlesInARow += 1;
  const waitMs = Math.max(askedMs, backoff(turn, state.throttlesInARow));
  state.throttledUntilMs = Math.max(state.throttledUntilMs, nowMs + waitMs);
  state.ramp = 1;
}

/** Tries again with backoff, unless this was the last attempt. */
function retry(
  turn: Turn,
  delivery: LaneDelivery,
  { counts, outcome, notBeforeInMs }: Ended & { notBeforeInMs: number },
): AfterRecord {
  turn.state.failedLast = delivery.event;
  if (isFinal(turn, delivery)) {
    return settle(turn, delivery, {
      counts: { ...counts, spent: counts.spent + 1 },
      outcome,
      state: 'dead_lettered',
    });
  }
  const inMs = Math.max(backoff(turn, counts.attempts), notBeforeInMs);
  return again(turn, delivery, { counts, outcome, inMs, notBeforeInMs });
}

/** Tries again and counts nothing: any of those that ran may have broken the adapter, and each goes alone from now on. */
function retryFree(turn: Turn, delivery: LaneDelivery, { counts, outcome }: Ended): AfterRecord {
  return again(turn, delivery, { counts, outcome, inMs: backoff(turn, counts.attempts), notBeforeInMs: 0 });
}

function backoff({ state: { rules, random } }: Turn, attempts: number): number {
  return backoffMs(rules.retry, attempts, nextRandom(random));
}

function again(
  turn: Turn,
  delivery: LaneDelivery,
  { counts, outcome, inMs, notBeforeInMs }: Ended & { inMs: number | undefined; notBeforeInMs: number },
): AfterRecord {
  record(turn, delivery, { counts, outcome, state: 'retrying', nextAttemptInMs: inMs });
  return { kind: 'again', dueAtMs: turn.nowMs + (inMs ?? 0), notBeforeMs: turn.nowMs + notBeforeInMs };
}

function settle(
  turn: Turn,
  delivery: LaneDelivery,
  { counts, outcome, state }: Ended & { state: RecordedState },
): AfterRecord {
  turn.state.evidence.forget(delivery.event.seq);
  record(turn, delivery, { counts, outcome, state, nextAttemptInMs: undefined });
  return { kind: state === 'dead_lettered' ? 'dead' : 'settled' };
}

function record(
  turn: Turn,
  delivery: LaneDelivery,
  { counts, outcome, state, nextAttemptInMs }: Ended & { state: RecordedState; nextAttemptInMs: number | undefined },
): void {
  delivery.counts = counts;
  const startedAtMs = delivery.state.kind === 'attempting' ? delivery.state.startedAtMs : turn.nowMs;
  turn.state.unrecorded += 1;
  turn.effects.push({
    kind: 'record',
    event: delivery.event,
    counts,
    state,
    nextAttemptInMs,
    attempt: { durationMs: turn.nowMs - startedAtMs, outcome },
  });
}

function quarantined(failure: Failure, crashes: number): Failure {
  return {
    code: 'QUARANTINED',
    message: `the adapter broke ${crashes} times over this event; last: ${failure.message}`,
  };
}

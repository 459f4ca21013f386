import type { LaneDelivery, LaneState } from './lane.ts';
import { makeDue } from './line.ts';
import { LEAST_MAX_AGE_MS } from './retry.ts';
import type { Turn } from './turn.ts';

/** Between a failure and the last attempt. */
const LEAST_WAIT_MS = 500;

/** True for an attempt that begins now when its failure would be the last: see Evidence. */
export function isLastAttempt(
  { rules: { retry }, evidence }: LaneState,
  { counts }: LaneDelivery,
  nowMs: number,
): boolean {
  return retry.maxAttempts === 1 || (counts.spent >= retry.maxAttempts && evidence.isFresh(nowMs));
}

/** Whether it still is when its failure is heard: the system may have gone down while the attempt ran, as others showed. */
function isStillLast({ rules: { retry }, evidence }: LaneState): boolean {
  return retry.maxAttempts === 1 || evidence.isWell;
}

/**
 * An attempt failed in a way that trying again may fix. Returns whether the delivery is a dead letter: it was the last
 * attempt, or the delivery is older than the maximum age. Its age is measured from when it was accepted or replayed, and
 * from when the breaker closed if that was later: an outage does not use it up. Neither does the clock: see `sinceMs`.
 */
export function isFinal({ state, nowMs }: Turn, delivery: LaneDelivery): boolean {
  const { evidence, rules } = state;
  const { maxAgeMs = LEAST_MAX_AGE_MS } = rules.retry;
  const attempt = delivery.state.kind === 'attempting' ? delivery.state : undefined;
  const mayCount = attempt?.probe === false && state.breaker === 'closed';
  const ageMs = nowMs - Math.max(delivery.sinceMs, state.breakerClosedAtMs);
  const isFinal = mayCount && ((attempt.isLast && isStillLast(state)) || ageMs >= maxAgeMs);
  const isUsedUp = delivery.counts.spent >= rules.retry.maxAttempts;
  evidence.failed(delivery.event.seq, { nowMs, mayCount: mayCount && !isFinal, isUsedUp });
  return isFinal;
}

/** A delivery was delivered: what failed before its attempt began counts, and what has used up its attempts gets its last
 * one. */
export function countFailures(turn: Turn, delivery: LaneDelivery): void {
  const { state, nowMs } = turn;
  const startedAtMs = delivery.state.kind === 'attempting' ? delivery.state.startedAtMs : nowMs;
  for (const [seq, { failures, failedAtMs }] of state.evidence.delivered(delivery.event.seq, { startedAtMs, nowMs })) {
    const failed = state.deliveries.get(seq);
    if (failed === undefined) continue;
    const spent = failed.counts.spent + failures;
    failed.counts = { ...failed.counts, spent };
    if (spent >= state.rules.retry.maxAttempts) bringForward(turn, failed, failedAtMs);
  }
}

/** Its last attempt is due: soon enough to be right after the success, not before the external system allows, and not at
 * once after a failure, be it one that does not count. */
function bringForward(turn: Turn, delivery: LaneDelivery, failedAtMs: number): void {
  const { state, nowMs } = turn;
  const { state: now } = delivery;
  const again = now.kind === 'recording' ? now.next : now;
  if (again.kind !== 'again' && again.kind !== 'scheduled') return;
  // What was read from the journal does not know when its last attempt ended: `notBeforeMs` is 0.
  const endedAtMs = Math.max(failedAtMs, again.notBeforeMs);
  const dueAtMs = Math.max(nowMs, endedAtMs + Math.min(LEAST_WAIT_MS, state.rules.retry.baseMs));
  if (again.notBeforeMs > nowMs || dueAtMs >= again.dueAtMs) return;
  if (again.kind === 'again') {
    delivery.state = { kind: 'recording', next: { ...again, dueAtMs } };
    return;
  }
  state.scheduled.take((other) => other === delivery);
  if (dueAtMs <= nowMs) {
    makeDue(turn, delivery);
    return;
  }
  delivery.state = { ...again, dueAtMs };
  state.scheduled.add(dueAtMs, delivery);
}

import type { LaneDelivery, LaneState } from './lane.ts';
import { LEAST_MAX_AGE_MS } from './retry.ts';
import type { StepContext } from './step-context.ts';

/** Between a failure and the last attempt. */
const LEAST_WAIT_MS = 500;

/** As many at a time: the others have theirs after a later success. */
const LAST_ATTEMPTS_MAX = 64;

/** True for an attempt that begins now when its failure would be the last: see Evidence. */
export function isLastAttempt(
  { rules: { retry }, evidence }: LaneState,
  { counts }: LaneDelivery,
  nowMs: number,
): boolean {
  return retry.maxAttempts === 1 || (counts.spent >= retry.maxAttempts && evidence.isFresh(nowMs));
}

/**
 * An attempt failed in a way that trying again may fix. Returns whether the delivery is a dead letter: it was the last
 * attempt, or the delivery is older than the maximum age. Its age is measured from when it was accepted or replayed, and
 * from when the breaker closed if that was later: an outage does not use it up. Neither does the clock: see `sinceMs`.
 */
export function isFinal({ state, nowMs }: StepContext, delivery: LaneDelivery): boolean {
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
export function countFailures({ state, nowMs }: StepContext, delivered: LaneDelivery): void {
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
    const it = { seq, after: undefined, except: undefined, ignoreNotBefore: false };
    effects.push({ kind: 'look_ahead', purpose: 'last_attempt', ...it });
  }
}

/** When the next of them is due; Infinity when there is none. */
export function nextLastAttemptMs({ lookahead: { lastAttempts } }: LaneState): number {
  let earliestMs = Number.POSITIVE_INFINITY;
  for (const atMs of lastAttempts.values()) earliestMs = Math.min(earliestMs, atMs);
  return earliestMs;
}

function leastWaitMs({ rules: { retry } }: LaneState): number {
  return Math.min(LEAST_WAIT_MS, retry.baseMs);
}

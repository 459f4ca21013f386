import { conclude } from './conclude.ts';
import { attemptLimit } from './gate.ts';
import { enter, keyOrSeq, type LaneDelivery, type LaneState, MAX_CONCURRENCY, release } from './lane.ts';
import { isLastAttempt } from './last-attempt.ts';
import type { AttemptEnd } from './outcome.ts';
import { nextRandom } from './random.ts';
import { backoffMs } from './retry.ts';
import type { StepContext } from './step-context.ts';
import { lookBehind } from './supply.ts';

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
export function waitsForSuspect({ ready, running }: LaneState): boolean {
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
  if (lookahead.reading === undefined && !supply.isReading) {
    lookahead.reading = 'breaker';
    const except = lookahead.missing === undefined ? breaker.failedLast : undefined;
    lookBehind(context, { purpose: 'breaker', except, ignoreNotBefore: false });
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
  if (breaker.condition === 'half_open') breaker.probeSent = true;
  const redelivered = mayHaveRun || counts.attempts > 0 || counts.cycle > 1;
  effects.push({ kind: 'attempt', event, number: counts.attempts + 1, redelivered, timeoutMs });
}

/** Adapter code returned: its outcome goes to the disk, unless its deadline had passed and settled that already. */
export function endAttempt(context: StepContext, seq: number, outcome: AttemptEnd): void {
  const { state, nowMs } = context;
  const delivery = state.deliveries.get(seq);
  if (delivery?.phase.kind !== 'attempting') {
    endOverdue(state, seq);
    return;
  }
  if (outcome.kind === 'not_run') {
    // What was let through ahead of its time waits for it, in the journal.
    if (delivery.aheadUntilMs > nowMs) release(state, delivery);
    else enter(state, delivery, { kind: 'ready' });
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
  if (delivery?.phase.kind !== 'recording') throw new Error(`a record came back that was not made: seq ${seq}`);
  release(state, delivery);
}

/** The code owns its key no longer. */
function endOverdue(state: LaneState, seq: number): void {
  for (const [key, { seq: overdueSeq, blocked }] of state.overdue) {
    if (overdueSeq !== seq) continue;
    state.overdue.delete(key);
    if (blocked !== undefined) enter(state, blocked, { kind: 'ready' });
    return;
  }
  throw new Error(`an attempt ended that does not run: seq ${seq}`);
}

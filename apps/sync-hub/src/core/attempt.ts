import { attemptLimit } from './gate.ts';
import type { LaneDelivery, LaneState } from './lane.ts';
import { isLastAttempt } from './last-attempt.ts';
import { makeDue } from './line.ts';
import { takeAsked } from './probe.ts';
import { isOfKey } from './ready.ts';
import type { Turn } from './turn.ts';

/** Begins as many attempts as the gate and the concurrency allow, and what a person asked for. */
export function attempt(turn: Turn): void {
  const { state } = turn;
  if (state.runtime.kind === 'not_ready') return;
  const { attemptTimeoutMs } = state.runtime;
  const asked = takeAsked(state);
  if (asked !== undefined) begin(turn, asked, { timeoutMs: attemptTimeoutMs, isProbe: true });
  const limit = attemptLimit(state, turn.nowMs);
  while (state.attempting.size + state.overdue < limit && !waitsForSuspect(state)) {
    const isProbe = state.breaker === 'half_open';
    if (isProbe) findProbe(turn);
    const delivery = state.ready.shift(isProbe ? { insteadOf: state.failedLast } : undefined);
    if (delivery === undefined) return;
    begin(turn, delivery, { timeoutMs: attemptTimeoutMs, isProbe });
  }
}

/** True while a suspect runs, which it does alone, or waits for what runs to end. */
function waitsForSuspect({ suspectRuns, ready, attempting }: LaneState): boolean {
  return suspectRuns || (ready.hasSuspect && attempting.size > 0);
}

/** With nothing ready but the key that failed last, the delivery of another key that is due first becomes the probe, else
 * one of that key: waiting out its own backoff as well would only make the recovery late. What the external system asked
 * for is waited out. No more than the one that goes is taken, for the others wait on when the breaker closes. */
function findProbe(turn: Turn): void {
  const { ready, scheduled, failedLast } = turn.state;
  const mayGo = ({ state }: LaneDelivery) => state.kind === 'scheduled' && state.notBeforeMs <= turn.nowMs;
  const mayGoInstead = (delivery: LaneDelivery) => mayGo(delivery) && !isOfKey(delivery, failedLast);
  while (!ready.hasProbe(failedLast)) {
    const first = scheduled.takeFirst(mayGoInstead) ?? (ready.size === 0 ? scheduled.takeFirst(mayGo) : undefined);
    if (first === undefined) return;
    makeDue(turn, first);
  }
}

function begin(
  turn: Turn,
  delivery: LaneDelivery,
  { timeoutMs, isProbe }: { timeoutMs: number; isProbe: boolean },
): void {
  const { state, nowMs } = turn;
  const number = delivery.counts.attempts + 1;
  delivery.state = {
    kind: 'attempting',
    startedAtMs: nowMs,
    timeoutMs,
    deadlineAtMs: nowMs + timeoutMs,
    probe: isProbe,
    isLast: !isProbe && isLastAttempt(state, delivery, nowMs),
  };
  delivery.toldHeldBy = undefined;
  state.attempting.add(delivery, timeoutMs);
  if (delivery.isSuspect) state.suspectRuns = true;
  if (state.breaker === 'half_open') state.probeSent = true;
  const mayHaveTakenEffect = number > 1 || delivery.counts.cycle > 1;
  const redelivered = mayHaveTakenEffect || delivery.event.seq <= state.rules.recoveredToSeq;
  turn.effects.push({ kind: 'attempt', event: delivery.event, number, redelivered, timeoutMs });
}

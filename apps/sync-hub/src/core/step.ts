import { attempt } from './attempt.ts';
import { endAttempt, expireAttempts, finishRecord } from './attempt-end.ts';
import { discard, discardDeadLetter, takeLookedUp } from './discard.ts';
import { laneHeldBy, tellAllHeld } from './gate.ts';
import type { BreakerCondition, LaneState, RuntimeCondition } from './lane.ts';
import type { LaneEffect } from './lane-effect.ts';
import type { LaneInput } from './lane-input.ts';
import { becomeHead, isRefused, makeDue } from './line.ts';
import { ask } from './probe.ts';
import { takeReopened } from './reopen.ts';
import { retryNow } from './retry-now.ts';
import type { Turn } from './turn.ts';
import { askForMore, takeArrived, takeFetched } from './window.ts';

/**
 * The rules of a lane: what happens next when this happens. The state is changed in place (a copy for each delivery
 * would cost more than the delivery); the effects are for the caller to perform, in their order. The same state and
 * input always give the same result.
 */
export function step(state: LaneState, input: LaneInput): readonly LaneEffect[] {
  const turn: Turn = { state, nowMs: input.atMs, effects: [], deadlinesPassed: false };
  const heldBefore = laneHeldBy(state, turn.nowMs);
  take(turn, input);
  if (laneHeldBy(state, turn.nowMs) !== heldBefore) tellAllHeld(turn);
  // The records of attempts that ran out of time come back as inputs; by then the breaker has heard of them.
  if (!turn.deadlinesPassed) attempt(turn);
  askForMore(turn);
  return turn.effects;
}

/** When `time_passed` must be said next, on the monotonic clock; Infinity when nothing waits for a time. */
export function nextWakeMs(state: LaneState): number {
  let wakeMs = Math.min(state.scheduled.earliestMs, state.attempting.earliestDeadlineMs);
  // 0: not throttled. A time that has passed opened the gate in the step that saw it.
  if (state.throttledUntilMs > 0) wakeMs = Math.min(wakeMs, state.throttledUntilMs);
  return wakeMs;
}

/** True when no adapter code runs and no record is on its way to the disk. */
export function isIdle({ attempting, overdue, unrecorded }: LaneState): boolean {
  return attempting.size === 0 && overdue === 0 && unrecorded === 0;
}

function take(turn: Turn, input: LaneInput): void {
  const { state } = turn;
  switch (input.kind) {
    case 'arrived':
      takeArrived(turn, input.deliveries);
      break;
    case 'fetched':
      takeFetched(turn, input);
      break;
    case 'attempt_ended':
      endAttempt(turn, input.seq, input.outcome);
      break;
    case 'recorded':
      finishRecord(turn, input.seq);
      break;
    case 'reopened':
      takeReopened(turn, input);
      break;
    case 'dead_letter_discarded':
      discardDeadLetter(turn, input.seq);
      break;
    case 'discard':
      discard(turn, input);
      break;
    case 'looked_up':
      takeLookedUp(turn, input);
      break;
    case 'probe':
      ask(state, input.seq);
      break;
    case 'retry_now':
      retryNow(turn);
      break;
    case 'breaker_changed':
      changeBreaker(turn, input.breaker);
      break;
    case 'runtime_changed':
      changeRuntime(turn, input.runtime);
      break;
    case 'paused':
      state.pause = input.cause;
      break;
    case 'resumed':
      state.pause = undefined;
      break;
    case 'draining':
      state.draining = true;
      break;
    case 'time_passed':
      passTime(turn);
      break;
    default:
      input satisfies never;
  }
}

function changeBreaker({ state, nowMs }: Turn, breaker: BreakerCondition): void {
  if (breaker === 'closed') state.breakerClosedAtMs = nowMs;
  else state.evidence.forgetAll();
  // The other side just came back: begin with one attempt and double with each round that goes well.
  if (state.breaker !== 'closed' && breaker === 'closed') state.ramp = 1;
  state.breaker = breaker;
  state.probeSent = false;
}

function changeRuntime(turn: Turn, runtime: RuntimeCondition): void {
  const { state } = turn;
  state.runtime = runtime;
  if (runtime.kind === 'not_ready') return;
  for (const delivery of state.deliveries.values()) {
    const { kind } = delivery.state;
    // Another version of the adapter may not take what the one before took.
    const isOut = (kind === 'ready' || kind === 'scheduled') && isRefused(state, delivery);
    const isHead = delivery.line.deliveries.peek() === delivery;
    if (isOut || (kind === 'queued' && isHead)) becomeHead(turn, delivery);
  }
  state.ready.clean();
  state.scheduled.take((delivery) => delivery.state.kind !== 'scheduled');
}

function passTime(turn: Turn): void {
  const { state, nowMs } = turn;
  if (state.throttledUntilMs > 0 && state.throttledUntilMs <= nowMs) state.throttledUntilMs = 0;
  expireAttempts(turn);
  for (let due = state.scheduled.takeDue(nowMs); due !== undefined; due = state.scheduled.takeDue(nowMs)) {
    makeDue(turn, due);
  }
}

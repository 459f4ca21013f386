import { endAttempt, endRecord, expireAttempts } from './conclude.ts';
import {
  beginAttempts,
  handleHead,
  laneHeldBy,
  lookForLastAttempts,
  nextLastAttemptMs,
  probe,
  releaseAhead,
} from './dispatch.ts';
import type { BreakerCondition, LaneEffect, LaneInput, RuntimeCondition } from './lane-messages.ts';
import type { LaneState, StepContext } from './lane-state.ts';
import { discard, endWithholding, giveBack, retryNow } from './operator-requests.ts';
import { admitNews, admitPage, readMore, skipUnaccepted } from './supply.ts';

/**
 * The rules of a lane: what happens next when this happens. The state is changed in place (a copy for each delivery
 * would cost more than the delivery); the effects are for the caller to perform, in their order. The same state and
 * input always give the same result.
 */
export function step(state: LaneState, input: LaneInput): readonly LaneEffect[] {
  const context: StepContext = { state, nowMs: input.atMs, effects: [] };
  const heldBefore = laneHeldBy(state, context.nowMs);
  accept(context, input);
  const isAborting = context.effects.some(({ kind }) => kind === 'abort');
  if (!isAborting) {
    // The records of attempts that ran out of time come back as inputs; by then the breaker knows them.
    lookForLastAttempts(context);
    beginAttempts(context);
  }
  readMore(context);
  if (laneHeldBy(state, context.nowMs) !== heldBefore) context.effects.push({ kind: 'gate_changed' });
  return context.effects;
}

/** When `time_passed` must be reported next, on the monotonic clock; Infinity when nothing waits for a time. */
export function nextWakeMs(state: LaneState): number {
  const { running, supply, throttle, draining } = state;
  let wakeMs = running.earliestDeadlineMs;
  if (!draining) wakeMs = Math.min(wakeMs, supply.nextDueAtMs, nextLastAttemptMs(state));
  // 0: it does not wait. A time that has passed opened the gate in the step that saw it.
  if (throttle.untilMs > 0) wakeMs = Math.min(wakeMs, throttle.untilMs);
  if (throttle.notRunUntilMs > 0) wakeMs = Math.min(wakeMs, throttle.notRunUntilMs);
  return wakeMs;
}

/** True when no adapter code runs and no record is on its way to the disk. */
export function isIdle({ running, overdue, unrecorded }: LaneState): boolean {
  return running.size === 0 && overdue.size === 0 && unrecorded === 0;
}

function accept(context: StepContext, input: LaneInput): void {
  const { state } = context;
  switch (input.kind) {
    case 'committed':
      state.lookahead.missing = undefined;
      for (const seq of input.recorded) endRecord(state, seq);
      for (const seq of new Set(input.reopenedBefore)) giveBack(context, seq);
      admitNews(context, input);
      break;
    case 'page':
      state.lookahead.missing = undefined;
      admitPage(context, input);
      break;
    case 'head':
      handleHead(context, input);
      break;
    case 'attempt_ended':
      endAttempt(context, input.seq, input.outcome);
      break;
    case 'discard':
      discard(context, input);
      break;
    case 'answered':
      endWithholding(context, input);
      break;
    case 'probe':
      probe(context);
      break;
    case 'retry_now':
      retryNow(context);
      break;
    case 'breaker_changed':
      changeBreaker(context, input.breaker);
      break;
    case 'runtime_changed':
      changeRuntime(context, input.runtime);
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
      passTime(context);
      break;
    default:
      input satisfies never;
  }
}

function changeBreaker(context: StepContext, condition: BreakerCondition): void {
  const { state, nowMs } = context;
  const { breaker } = state;
  if (condition === 'closed') {
    breaker.closedAtMs = nowMs;
    releaseAhead(context);
  } else {
    state.evidence.forgetAll();
  }
  // The other side just came back: begin with one attempt and double with each round that goes well.
  if (breaker.condition !== 'closed' && condition === 'closed') state.ramp = 1;
  breaker.condition = condition;
  breaker.probeSent = false;
  state.lookahead.missing = undefined;
}

function changeRuntime(context: StepContext, runtime: RuntimeCondition): void {
  const { state } = context;
  state.runtime = runtime;
  if (runtime.kind === 'ready') state.throttle.notRunUntilMs = 0;
  // Another version of the adapter may not accept what the one before accepted.
  skipUnaccepted(context);
}

function passTime(context: StepContext): void {
  const { throttle } = context.state;
  if (throttle.untilMs <= context.nowMs) throttle.untilMs = 0;
  if (throttle.notRunUntilMs <= context.nowMs) throttle.notRunUntilMs = 0;
  expireAttempts(context);
}

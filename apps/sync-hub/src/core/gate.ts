import type { AcceptedEvent } from './event.ts';
import { type HeldBy, keyOrSeq, type LaneState } from './lane.ts';

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
export function attemptLimit(state: LaneState, nowMs: number): number {
  const { runtime, breaker, overdue, ramp, draining, throttle } = state;
  if (draining || runtime.kind === 'not_ready' || laneHeldBy(state, nowMs) !== undefined) return 0;
  if (throttle.notRunUntilMs > nowMs) return 0;
  // Exactly one probe, and only after the attempts from before have ended: while one of them runs, one is enough to be at
  // the limit. The breaker knows the outcome of the overdue ones already.
  if (breaker.condition === 'half_open') return overdue.size + 1;
  // Overdue attempts still burden the other side, so they count. But their code may never return, and a lane that waited
  // for it would stand still with nothing to show why: beside them one attempt may always run.
  return Math.max(Math.min(overdue.size + ramp, runtime.concurrency), overdue.size + 1);
}

/** What keeps an open delivery from being attempted; undefined when nothing does, when it runs, and when it waits for its
 * own next attempt. That an earlier one of its key waits, the journal knows. */
export function heldBy(state: LaneState, event: Pick<AcceptedEvent, 'key' | 'seq'>, nowMs: number): HeldBy | undefined {
  const kind = state.deliveries.get(event.seq)?.phase.kind;
  if (kind === 'attempting' || kind === 'recording') return undefined;
  return laneHeldBy(state, nowMs) ?? (state.overdue.has(keyOrSeq(event)) ? 'key' : undefined);
}

import type { AcceptedEvent } from './event.ts';
import type { HeldBy, LaneDelivery, LaneState } from './lane.ts';
import type { Turn } from './turn.ts';

/** What keeps the whole lane from making attempts, the one that a person would have to look at first; undefined when
 * nothing does. */
export function laneHeldBy(state: LaneState, nowMs: number): HeldBy | undefined {
  if (state.runtime.kind === 'not_ready') return 'not_ready';
  if (state.pause !== undefined) return 'paused';
  if (state.breaker === 'open') return 'breaker';
  if (state.throttledUntilMs > nowMs) return 'throttled';
  return undefined;
}

/** How many attempts may run now, counted with those that run. */
export function attemptLimit(state: LaneState, nowMs: number): number {
  if (state.draining || state.runtime.kind === 'not_ready' || laneHeldBy(state, nowMs) !== undefined) return 0;
  switch (state.breaker) {
    // Overdue attempts still burden the other side, so they count. But their code may never return, and a lane that
    // waited for it would stand still with nothing to show why: beside them one attempt may always run.
    case 'closed':
      return Math.max(Math.min(state.overdue + state.ramp, state.runtime.concurrency), state.overdue + 1);
    // Exactly one probe, and only after the attempts from before have ended: while one of them runs, one is enough to be
    // at the limit. The breaker knows the outcome of the overdue ones already.
    case 'half_open':
      return state.probeSent ? 0 : state.overdue + 1;
    case 'open':
      return 0;
    default:
      return state.breaker satisfies never;
  }
}

/** What keeps this delivery from being attempted; undefined when it may go, runs, or waits for its own next attempt. */
export function deliveryHeldBy(state: LaneState, delivery: LaneDelivery, nowMs: number): HeldBy | undefined {
  const kind = delivery.state.kind;
  if (kind !== 'queued' && kind !== 'ready') return undefined;
  const lane = laneHeldBy(state, nowMs);
  if (lane !== undefined) return lane;
  if (state.heldKeys.holds(delivery.event)) return 'key';
  const head = delivery.line.deliveries.peek();
  if (head === delivery) {
    // The lane tries a single delivery, and it is another one.
    return state.breaker === 'half_open' && state.probeSent ? 'breaker' : undefined;
  }
  // Behind one that runs it is a matter of moments; behind these it may take long.
  return head?.state.kind === 'scheduled' || head?.state.kind === 'overdue' ? 'key' : undefined;
}

/** What keeps an open delivery from being attempted, in the window or not; undefined when nothing does. */
export function eventHeldBy(
  state: LaneState,
  event: Pick<AcceptedEvent, 'key' | 'seq'>,
  nowMs: number,
): HeldBy | undefined {
  const delivery = state.deliveries.get(event.seq);
  if (delivery === undefined) return laneHeldBy(state, nowMs) ?? (state.heldKeys.holds(event) ? 'key' : undefined);
  // A time of its own says nothing while the lane makes no attempts at all.
  return delivery.state.kind === 'scheduled' ? laneHeldBy(state, nowMs) : deliveryHeldBy(state, delivery, nowMs);
}

/** Tells what holds a delivery, unless that was told already. */
export function tellHeld(turn: Turn, delivery: LaneDelivery): void {
  const heldBy = deliveryHeldBy(turn.state, delivery, turn.nowMs);
  if (heldBy === undefined || heldBy === delivery.toldHeldBy) return;
  delivery.toldHeldBy = heldBy;
  turn.effects.push({ kind: 'tell_held', event: delivery.event, counts: delivery.counts, heldBy });
}

/** After a delivery got a time of its own: tells those behind it what holds them. */
export function tellFollowersHeld(turn: Turn, delivery: LaneDelivery): void {
  for (const follower of delivery.line.deliveries) {
    if (follower !== delivery) tellHeld(turn, follower);
  }
}

/** After the lane was closed off: tells every delivery that waits in the window. */
export function tellAllHeld(turn: Turn): void {
  for (const delivery of turn.state.deliveries.values()) tellHeld(turn, delivery);
}

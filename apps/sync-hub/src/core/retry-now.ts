import type { LaneDelivery } from './lane.ts';
import { makeDue } from './line.ts';
import type { Turn } from './turn.ts';

/**
 * An operator wants no more waiting: what waits for its backoff, and what the external system asked to be spared, is due
 * now. The gate holds as before (pause, breaker, an adapter that does not run), and so does the order of a key.
 */
export function retryNow(turn: Turn): void {
  const { state } = turn;
  state.throttledUntilMs = 0;
  state.throttlesInARow = 0;
  for (let next = state.scheduled.takeEarliest(); next !== undefined; next = state.scheduled.takeEarliest()) {
    makeDue(turn, next);
  }
  for (const delivery of state.deliveries.values()) endWait(delivery, turn.nowMs);
}

/** One that is not at the head of its line, or whose last outcome is on the way to the disk. */
function endWait(delivery: LaneDelivery, nowMs: number): void {
  const { state } = delivery;
  if (state.kind === 'queued') {
    delivery.state = { kind: 'queued', dueAtMs: 0 };
  } else if ((state.kind === 'recording' || state.kind === 'overdue') && state.next.kind === 'again') {
    delivery.state = { ...state, next: { kind: 'again', dueAtMs: nowMs, notBeforeMs: nowMs } };
  }
}

import type { OpenDelivery } from './delivery.ts';
import type { LaneState } from './lane.ts';
import type { Turn } from './turn.ts';
import { recordUnattempted, type Unattempted } from './unattempted.ts';

/**
 * Settles an open delivery that has no place in the window. Should a page bring it before its record is on disk, it
 * gets one until then: see enqueue.
 */
export function settleOutside(turn: Turn, delivery: OpenDelivery, settled: Unattempted): void {
  const { event, cycle, attempts, spent, crashes } = delivery;
  turn.state.outside.set(event.seq, { kind: 'recording' });
  recordUnattempted(turn, { event, counts: { cycle, attempts, spent, crashes } }, settled);
}

/** The record of a delivery outside the window is on disk. False when none was on its way. */
export function finishOutside(state: LaneState, seq: number): boolean {
  if (state.outside.get(seq)?.kind !== 'recording') return false;
  state.outside.delete(seq);
  if (state.fetches.count > 0) state.fetches.left.set(seq, state.fetches.lastId);
  return true;
}

/** True while a record of this delivery that the lane asked for is on the way to the disk. */
export function isRecording({ deliveries, outside }: LaneState, seq: number): boolean {
  const state = deliveries.get(seq)?.state;
  if (state?.kind === 'overdue') return !state.recorded;
  return state?.kind === 'recording' || outside.get(seq)?.kind === 'recording';
}

import type { OpenDelivery } from './delivery.ts';
import { giveUp, recordDiscarded } from './give-up.ts';
import { release } from './hold.ts';
import type { LaneDelivery, LaneState } from './lane.ts';
import type { LookUpEffect } from './lane-effect.ts';
import type { Turn } from './turn.ts';

/** A person gives open deliveries up: those that wait in the window at once, others when the journal says how they stand. */
export function discard(turn: Turn, { seqs, reason }: { seqs: readonly number[]; reason: string }): void {
  const { state, effects } = turn;
  for (const seq of seqs) {
    const delivery = state.deliveries.get(seq);
    if (delivery === undefined && !state.discarding.has(seq)) {
      state.lastLookUpId += 1;
      state.discarding.set(seq, { lookUpId: state.lastLookUpId, reason, isRecorded: false });
      effects.push({ kind: 'look_up', id: state.lastLookUpId, seq });
    } else if (delivery !== undefined && isIdle(delivery)) {
      giveUp(turn, delivery, reason);
    } else {
      effects.push({ kind: 'tell_kept', seq });
    }
  }
  state.ready.clean();
  state.scheduled.take(({ state: { kind } }) => kind !== 'scheduled');
}

/** The journal said how a delivery stands that a person gives up. */
export function takeLookedUp(
  turn: Turn,
  { lookUp: { id, seq }, delivery }: { lookUp: LookUpEffect; delivery: OpenDelivery | undefined },
): void {
  const { state, effects } = turn;
  const discarding = state.discarding.get(seq);
  // A page may have brought it first, and it was given up in its line.
  if (discarding?.lookUpId !== id) return;
  if (delivery === undefined) {
    state.discarding.delete(seq);
    effects.push({ kind: 'tell_kept', seq });
    return;
  }
  discarding.isRecorded = true;
  const { event, cycle, attempts, spent, crashes } = delivery;
  recordDiscarded(turn, { event, counts: { cycle, attempts, spent, crashes } }, discarding.reason);
}

/** What was only in the journal is given up, on disk. False when it is none of these. */
export function finishDiscard(state: LaneState, seq: number): boolean {
  if (!state.discarding.get(seq)?.isRecorded) return false;
  state.discarding.delete(seq);
  if (state.fetches.count > 0) state.fetches.left.set(seq, state.fetches.lastId);
  return true;
}

/** A person gave a dead letter up: its key is free, unless it has others. */
export function discardDeadLetter(turn: Turn, seq: number): void {
  const running = turn.state.deliveries.get(seq);
  // Its code still runs; when that has returned nothing holds its key.
  if (running?.state.kind === 'overdue') running.state = { ...running.state, next: { kind: 'settled' } };
  const released = turn.state.heldKeys.remove(seq);
  if (released !== undefined) release(turn, released);
}

/** True while a record of this delivery that the lane asked for is on the way to the disk. */
export function isRecording({ deliveries, discarding }: LaneState, seq: number): boolean {
  const state = deliveries.get(seq)?.state;
  if (state?.kind === 'overdue') return !state.recorded;
  return state?.kind === 'recording' || (discarding.get(seq)?.isRecorded ?? false);
}

function isIdle({ state: { kind } }: LaneDelivery): boolean {
  return kind === 'queued' || kind === 'ready' || kind === 'scheduled';
}

import type { OpenDelivery } from './delivery.ts';
import { giveUp } from './give-up.ts';
import { release } from './hold.ts';
import type { LaneDelivery } from './lane.ts';
import type { LookUpEffect } from './lane-effect.ts';
import { settleOutside } from './outside.ts';
import type { Turn } from './turn.ts';

/** A person gives open deliveries up: those that wait in the window at once, others when the journal says how they stand. */
export function discard(turn: Turn, { seqs, reason }: { seqs: readonly number[]; reason: string }): void {
  const { state, effects } = turn;
  for (const seq of seqs) {
    const delivery = state.deliveries.get(seq);
    if (delivery === undefined && !state.outside.has(seq)) {
      state.lastLookUpId += 1;
      state.outside.set(seq, { kind: 'looking_up', lookUpId: state.lastLookUpId, reason });
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
  const asked = state.outside.get(seq);
  // A page may have brought it first, and it was given up in its line.
  if (asked?.kind !== 'looking_up' || asked.lookUpId !== id) return;
  if (delivery === undefined) {
    state.outside.delete(seq);
    effects.push({ kind: 'tell_kept', seq });
  } else {
    settleOutside(turn, delivery, { state: 'discarded', reason: asked.reason });
  }
}

/** A person gave a dead letter up: its key is free, unless it has others. */
export function discardDeadLetter(turn: Turn, seq: number): void {
  const running = turn.state.deliveries.get(seq);
  // Its code still runs; when that has returned nothing holds its key.
  if (running?.state.kind === 'overdue') running.state = { ...running.state, next: { kind: 'settled' } };
  const released = turn.state.heldKeys.remove(seq);
  if (released !== undefined) release(turn, released);
}

function isIdle({ state: { kind } }: LaneDelivery): boolean {
  return kind === 'queued' || kind === 'ready' || kind === 'scheduled';
}

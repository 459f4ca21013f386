import { laneHeldBy, tellFollowersHeld } from './gate.ts';
import type { DeadLetterOfKey } from './held-keys.ts';
import type { LaneDelivery } from './lane.ts';
import type { FetchedDelivery } from './lane-input.ts';
import { createLine, goOn, putBack } from './line.ts';
import { mayBePassedOver, passOver } from './passing.ts';
import { hasRoom } from './room.ts';
import type { Turn } from './turn.ts';

/** A dead letter is on disk: what comes behind it goes back into the journal and waits there for a person. */
export function hold(turn: Turn, delivery: LaneDelivery): void {
  const { state } = turn;
  const { event, line } = delivery;
  if (state.rules.onDeadLetter === 'continue' || event.key === '') return;
  state.heldKeys.add(event);
  tellFollowersHeld(turn, delivery);
  const wasOverflowToSeq = line.overflowToSeq;
  putBack(state, line, event.seq + 1);
  // What is behind a dead letter is read when that is decided; what is before it, as before.
  const overflowToSeq = Math.min(wasOverflowToSeq ?? 0, event.seq);
  line.overflowToSeq = overflowToSeq > line.readToSeq ? overflowToSeq : undefined;
}

/** A dead letter holds its key no longer: what comes behind it may go, as far as the next one. */
export function release(turn: Turn, { key, seq }: DeadLetterOfKey): void {
  const { state } = turn;
  // What the lane has not read yet comes with the backlog.
  const toSeq = Math.min(state.heldKeys.firstSeq(key) - 1, state.fetchedToSeq);
  if (toSeq <= seq) return;
  const known = state.lines.get(key);
  if (known === undefined && (mayBePassedOver(state, key) || !hasRoom(state))) {
    passOver(state, { fromSeq: seq + 1, toSeq, key, acceptedAtMs: Number.POSITIVE_INFINITY });
    return;
  }
  const line = known ?? createLine(state, key, seq);
  putBack(state, line, seq + 1);
  line.overflowToSeq = Math.max(line.overflowToSeq ?? 0, toSeq);
  goOn(turn, line);
}

/** Tells of a delivery that stays in the journal because a dead letter is ahead of it. */
export function tellHeldByKey(turn: Turn, { delivery }: Pick<FetchedDelivery, 'delivery'>): void {
  const { event, cycle, attempts, spent, crashes } = delivery;
  const heldBy = laneHeldBy(turn.state, turn.nowMs) ?? 'key';
  turn.effects.push({ kind: 'tell_held', event, counts: { cycle, attempts, spent, crashes }, heldBy });
}

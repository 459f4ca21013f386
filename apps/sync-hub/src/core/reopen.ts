import type { OpenDelivery } from './delivery.ts';
import { release, tellHeldByKey } from './hold.ts';
import type { LaneState, Line } from './lane.ts';
import { askForOverflow, createLine, enqueue, readAgain } from './line.ts';
import { mayBePassedOver, passOver, rangeOf } from './passing.ts';
import { hasRoom } from './room.ts';
import type { Turn } from './turn.ts';

/** A dead letter is open again. It takes its place in the order accepted, behind one of its key that runs. */
export function takeReopened(turn: Turn, delivery: OpenDelivery): void {
  const { state } = turn;
  const { event, cycle, attempts, spent, crashes } = delivery;
  const running = state.deliveries.get(event.seq);
  if (running?.state.kind === 'overdue') {
    // Its code still runs and owns the key; the new life begins when that has returned.
    running.counts = { cycle, attempts, spent, crashes };
    running.state = { ...running.state, next: { kind: 'again', dueAtMs: turn.nowMs, notBeforeMs: turn.nowMs } };
    return;
  }
  const released = state.heldKeys.remove(event.seq);
  if (state.heldKeys.holds(event)) tellHeldByKey(turn, { delivery });
  else if (event.seq > state.fetchedToSeq) meetLater(state, delivery);
  else place(turn, delivery);
  if (released !== undefined) release(turn, released);
}

function place(turn: Turn, delivery: OpenDelivery): void {
  const { state } = turn;
  const { key, seq } = delivery.event;
  const line = state.lines.get(key);
  if (line !== undefined) {
    placeInLine(turn, line, seq);
    return;
  }
  if (hasRoom(state) && (key === '' || !mayBePassedOver(state, key))) {
    enqueue(turn, createLine(state, key, seq), { delivery, delayMs: 0 });
  } else {
    passOver(state, rangeOf(delivery.event));
  }
}

function placeInLine(turn: Turn, line: Line, seq: number): void {
  if (seq <= line.readToSeq) {
    readAgain(turn, line, seq);
    return;
  }
  // A page on its way may have been read before it was open.
  if (line.fetchId !== undefined) line.readAgainFromSeq = Math.min(line.readAgainFromSeq ?? seq, seq);
  line.overflowToSeq = Math.max(line.overflowToSeq ?? 0, seq);
  askForOverflow(turn, line);
}

/** The backlog brings it. A page on its way may have been read before it was open. */
function meetLater(state: LaneState, { event: { seq } }: OpenDelivery): void {
  if (state.fetching && state.lastRead === 'backlog') {
    state.readAgainFromSeq = Math.min(state.readAgainFromSeq ?? seq, seq);
  }
}

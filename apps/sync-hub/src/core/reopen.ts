import type { OpenDelivery, ReopenedDelivery } from './delivery.ts';
import type { AcceptedEvent } from './event.ts';
import { release, tellHeldByKey } from './hold.ts';
import type { LaneState, Line } from './lane.ts';
import { askForOverflow, createLine, enqueue, readAgain } from './line.ts';
import { settleOutside } from './outside.ts';
import { mayBePassedOver, passOver, rangeOf } from './passing.ts';
import { hasRoom } from './room.ts';
import type { Turn } from './turn.ts';

/** Why a replayed dead letter was not sent, as people read it in acks and lists. */
const NEWER_ON_ITS_WAY =
  'a newer event of its key was on its way at that moment; replay it again, with include_stale if it is to follow that one';

/**
 * A dead letter is open again. It takes its place in the order accepted. While a newer one of its key is on its way that
 * place would be behind it, and the external system would end with the older state: then it is a dead letter again at
 * once, unless a person wants just that.
 */
export function takeReopened(
  turn: Turn,
  { delivery, mayFollowNewer }: Pick<ReopenedDelivery, 'delivery' | 'mayFollowNewer'>,
): void {
  const { state } = turn;
  const { event, cycle, attempts, spent, crashes } = delivery;
  const running = state.deliveries.get(event.seq);
  if (running?.state.kind === 'overdue') {
    // Its code still runs and owns the key; the new life begins when that has returned.
    running.counts = { cycle, attempts, spent, crashes };
    running.sinceMs = turn.nowMs;
    running.state = { ...running.state, next: { kind: 'again', dueAtMs: turn.nowMs, notBeforeMs: turn.nowMs } };
    return;
  }
  if (!mayFollowNewer && isNewerOnItsWay(state, event)) {
    refuse(turn, delivery);
    return;
  }
  const released = state.heldKeys.remove(event.seq);
  if (state.heldKeys.holds(event)) tellHeldByKey(turn, { delivery });
  else if (event.seq > state.fetchedToSeq) meetLater(state, delivery);
  else place(turn, delivery);
  if (released !== undefined) release(turn, released);
}

/** True while code may be delivering a newer event of the key, or what it came to is not on disk. The journal, which
 * knows of what was delivered before, could not see it. */
function isNewerOnItsWay({ lines }: LaneState, { key, seq }: AcceptedEvent): boolean {
  const head = key === '' ? undefined : lines.get(key)?.deliveries.peek();
  if (head === undefined || head.event.seq < seq) return false;
  const { kind } = head.state;
  return kind === 'attempting' || kind === 'overdue' || kind === 'recording';
}

/**
 * A key that its dead letters hold has nothing newer on its way, so nothing is to be held or released here. What comes
 * to the key next need not wait for the record: it is asked for first, so it is on disk first.
 */
function refuse(turn: Turn, delivery: OpenDelivery): void {
  const { seq } = delivery.event;
  // Somebody was about to give it up and asked how it stands: not so that it can be given up.
  if (turn.state.outside.has(seq)) turn.effects.push({ kind: 'tell_kept', seq });
  settleOutside(turn, delivery, { state: 'dead_lettered', reason: NEWER_ON_ITS_WAY });
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

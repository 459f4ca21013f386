import type { AcceptedEvent } from './event.ts';
import type { LaneDelivery, LaneState, Line } from './lane.ts';
import { putBack } from './line.ts';
import { PassedOver, type PassedRange } from './passed-over.ts';
import { drop, hasRoom, hasRoomForPage, isBehind } from './room.ts';

/** For each delivery of the window: its keys can all be passed over many times before a filter says yes to most. */
const FILTER_BITS_PER_DELIVERY = 512;

/** True while there is something to be read again. */
export function hasPassedOver({ passedOver, pass }: LaneState): boolean {
  return passedOver !== undefined || pass !== undefined;
}

/** True when something of this key may have been passed over: what comes later must not go before it. */
export function mayBePassedOver({ passedOver, pass }: LaneState, key: string): boolean {
  return (passedOver?.mayHave(key) ?? false) || (pass?.over.mayHave(key) ?? false);
}

/** Leaves deliveries in the journal for the next pass. */
export function passOver(state: LaneState, range: PassedRange): void {
  if (state.passedOver === undefined) {
    state.passes += 1;
    state.passedOver = new PassedOver(filterBits(state), state.passes);
  }
  state.passedOver.add(range);
}

/** Leaves a delivery in the journal that is newer than all that the lane has read, behind others of its key. */
export function passOverToo(state: LaneState, range: PassedRange): void {
  // Those may come in the present pass; a key to which events are added all the time would else wait from pass to pass.
  if (state.pass !== undefined && !state.passedOver?.mayHave(range.key)) state.pass.over.add(range);
  else passOver(state, range);
}

/** One delivery. */
export function rangeOf({ seq, key, acceptedAtMs }: AcceptedEvent): PassedRange {
  return { fromSeq: seq, toSeq: seq, key, acceptedAtMs };
}

/** The pass to be made now: the present one, else one over what was gathered since. */
export function presentPass(state: LaneState): LaneState['pass'] {
  if (state.pass === undefined && state.passedOver !== undefined) {
    state.pass = { over: state.passedOver, readToSeq: state.passedOver.fromSeq - 1 };
    state.passedOver = undefined;
  }
  return state.pass;
}

/** A page of the present pass was looked through. */
export function endPage(state: LaneState, scannedToSeq: number): void {
  const { pass } = state;
  if (pass === undefined) return;
  pass.readToSeq = scannedToSeq;
  if (scannedToSeq >= pass.over.toSeq) state.pass = undefined;
}

/** After a failure, when others wait for a place: what is behind the delivery gives its own to them, and when that is
 * not enough the delivery too, which is then told. */
export function gaveItsPlace(state: LaneState, delivery: LaneDelivery): boolean {
  const isWanted = hasPassedOver(state) || (isBehind(state) && !state.ready.hasFresh);
  if (!isWanted || hasRoom(state)) return false;
  const [, follower] = delivery.line.deliveries;
  if (follower !== undefined) putBack(state, delivery.line, follower.event.seq);
  return !hasRoom(state) && stepAside(state, delivery.line);
}

/**
 * Makes room for a page of what was never tried, when the window holds only deliveries that were: they may all fail
 * for ever, and behind an open breaker that spends nothing of their budgets.
 */
export function makeRoom(state: LaneState): void {
  if (state.ready.hasFresh) return;
  const kept: LaneDelivery[] = [];
  while (!hasRoomForPage(state)) {
    const delivery = state.scheduled.takeLate() ?? state.ready.popTried();
    if (delivery === undefined) break;
    if (!stepAside(state, delivery.line)) kept.push(delivery);
  }
  for (const delivery of kept) {
    if (delivery.state.kind === 'scheduled') state.scheduled.add(delivery.state.dueAtMs, delivery);
    else state.ready.push(delivery);
  }
}

/** Puts a line back into the journal, where its deliveries are as they are here. The head is in no queue. */
function stepAside(state: LaneState, line: Line): boolean {
  const head = line.deliveries.peek();
  if (head === undefined || head.isSuspect || line.fetchId !== undefined) return false;
  // One that a person gives up stays until that is on disk.
  for (const other of line.deliveries) if (other !== head && other.state.kind !== 'queued') return false;
  const newestSeq = line.deliveries.peekLast()?.event.seq ?? 0;
  passOver(state, { ...rangeOf(head.event), toSeq: Math.max(newestSeq, line.overflowToSeq ?? 0) });
  for (const delivery of line.deliveries) drop(state, delivery);
  if (state.lines.get(line.key) === line) state.lines.delete(line.key);
  return true;
}

function filterBits({ rules: { window } }: LaneState): number {
  return 2 ** Math.ceil(Math.log2(window.deliveries * FILTER_BITS_PER_DELIVERY));
}

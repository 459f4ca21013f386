import { fetch } from './fetch.ts';
import { tellHeld } from './gate.ts';
import { giveUp } from './give-up.ts';
import type { LaneDelivery, LaneState, Line } from './lane.ts';
import type { FetchedDelivery } from './lane-input.ts';
import { Queue } from './queue.ts';
import { knownAgeMs, longestDelayMs } from './retry.ts';
import { drop, hasRoom, isShort, roomOf } from './room.ts';
import type { Turn } from './turn.ts';
import { recordUnattempted } from './unattempted.ts';

const AT_ONCE = { kind: 'queued', dueAtMs: 0 } as const;

/** A line that has read the journal up to a seq. */
export function createLine(state: LaneState, key: string, readToSeq: number): Line {
  const line: Line = {
    key,
    deliveries: new Queue(),
    readToSeq,
    overflowToSeq: undefined,
    fetchId: undefined,
    readAgainFromSeq: undefined,
  };
  if (key !== '') state.lines.set(key, line);
  return line;
}

/** Puts a delivery at the end of its line. */
export function enqueue(turn: Turn, line: Line, { delivery, delayMs, ageMs = 0 }: FetchedDelivery): void {
  const { state, nowMs } = turn;
  const { event, cycle, attempts, spent, crashes } = delivery;
  // The journal gives clock time; whatever the clock did meanwhile, no wait is longer than the longest there is.
  const waitMs = Math.min(delayMs, longestDelayMs(state.rules.retry));
  const entry: LaneDelivery = {
    event,
    line,
    sinceMs: nowMs - knownAgeMs(state.rules.retry, ageMs),
    counts: { cycle, attempts, spent, crashes },
    state: waitMs > 0 ? { kind: 'queued', dueAtMs: nowMs + waitMs } : AT_ONCE,
    isSuspect: false,
    toldHeldBy: undefined,
  };
  line.deliveries.push(entry);
  if (event.seq > line.readToSeq) line.readToSeq = event.seq;
  state.deliveries.set(event.seq, entry);
  state.windowBytes += event.data.byteLength;
  const outside = state.outside.size > 0 ? state.outside.get(event.seq) : undefined;
  if (outside !== undefined) {
    // It is being settled. Here what comes behind it waits for that to be on disk.
    state.outside.delete(event.seq);
    if (outside.kind === 'recording') entry.state = { kind: 'recording', next: { kind: 'settled' } };
    else giveUp(turn, entry, outside.reason);
  } else if (line.deliveries.size === 1) {
    becomeHead(turn, entry);
  }
  tellHeld(turn, entry);
}

/** Takes a settled delivery out of the window; the next of its key becomes the head of the line. */
export function leave(turn: Turn, delivery: LaneDelivery): void {
  const { line } = delivery;
  if (line.deliveries.peek() === delivery) line.deliveries.shift();
  // A person gave up one that stood behind others.
  else line.deliveries.take((other) => other === delivery);
  drop(turn.state, delivery);
  goOn(turn, line);
}

/** Lets the head of a line go and asks for what the journal holds of it. A line without either is at its end. */
export function goOn(turn: Turn, line: Line): void {
  askForOverflow(turn, line);
  const head = line.deliveries.peek();
  if (head === undefined) dropIfEmpty(turn.state, line);
  else if (head.state.kind === 'queued') becomeHead(turn, head);
}

/** A delivery whose time has come is the head of its line again. */
export function makeDue(turn: Turn, delivery: LaneDelivery): void {
  delivery.state = AT_ONCE;
  becomeHead(turn, delivery);
  tellHeld(turn, delivery);
}

/** A delivery that became the head of its line may go, now or when it is due, or is none of this adapter's business. */
export function becomeHead(turn: Turn, delivery: LaneDelivery): void {
  const { state, nowMs } = turn;
  if (isRefused(state, delivery)) {
    skip(turn, delivery);
  } else if (state.runtime.kind === 'not_ready') {
    // It stays queued until the adapter runs.
  } else if (delivery.state.kind === 'queued' && delivery.state.dueAtMs > nowMs) {
    const { dueAtMs } = delivery.state;
    delivery.state = { kind: 'scheduled', dueAtMs, notBeforeMs: 0 };
    state.scheduled.add(dueAtMs, delivery);
  } else {
    delivery.state = { kind: 'ready' };
    state.ready.push(delivery);
  }
}

function skip(turn: Turn, delivery: LaneDelivery): void {
  delivery.state = { kind: 'recording', next: { kind: 'settled' } };
  recordUnattempted(turn, delivery, { state: 'skipped' });
}

/** True when the adapter is known not to take events of this type. */
export function isRefused({ runtime }: LaneState, { event }: LaneDelivery): boolean {
  const { accepts = 'all' } = runtime;
  return accepts !== 'all' && !accepts.has(event.type);
}

/** Something of the key is open from this seq on that may not be in line: the line is read again from there. */
export function readAgain(turn: Turn, line: Line, fromSeq: number): void {
  putBack(turn.state, line, fromSeq);
  goOn(turn, line);
}

/**
 * Puts those behind a delivery that waits, or that runs past its deadline, back into the journal when the window runs
 * short of room: they cannot go before it, and other keys could.
 */
export function giveWay(state: LaneState, line: Line): void {
  if (!mayGiveWay(state, line)) return;
  const [, follower] = line.deliveries;
  if (follower !== undefined) putBack(state, line, follower.event.seq);
}

/** True when what is behind the head of this line would only take room from others. */
export function mayGiveWay(state: LaneState, line: Line): boolean {
  const kind = line.deliveries.peek()?.state.kind;
  return (kind === 'scheduled' || kind === 'overdue') && isShort(state);
}

/** True when something of the key that was accepted earlier waits behind this delivery: a person replayed it while this
 * one ran. */
export function isDisplaced(line: Line, { event: { seq } }: LaneDelivery): boolean {
  const [, next] = line.deliveries;
  return Math.min(line.readToSeq, line.readAgainFromSeq ?? seq, next?.event.seq ?? seq) < seq;
}

export function dropIfEmpty(state: LaneState, line: Line): void {
  const isEmpty = line.deliveries.size === 0 && line.overflowToSeq === undefined;
  if (isEmpty && state.lines.get(line.key) === line) state.lines.delete(line.key);
}

export function askForOverflow(turn: Turn, line: Line): void {
  const { state } = turn;
  const { deliveriesPerKey } = state.rules.window;
  const { overflowToSeq: upToSeq, readToSeq: afterSeq, deliveries } = line;
  if (upToSeq === undefined || line.fetchId !== undefined || state.draining || mayGiveWay(state, line)) return;
  if (deliveries.size > deliveriesPerKey / 2 || (!hasRoom(state) && deliveries.size > 0)) return;
  // To an empty line one still comes, however full the window is: without a head nothing would ever ask for more.
  const limit = Math.min(Math.max(1, roomOf(state).deliveries), deliveriesPerKey - deliveries.size);
  const repeats = (deliveries.peek()?.event.seq ?? 0) > afterSeq || (deliveries.peekLast()?.event.seq ?? 0) > afterSeq;
  line.fetchId = fetch(turn, { of: { kind: 'overflow', key: line.key, upToSeq }, afterSeq, limit, repeats });
}

/** Puts what waits from a seq on back into the journal, where it is as it is here. */
export function putBack(state: LaneState, line: Line, fromSeq: number): void {
  const newestSeq = Math.max(line.readToSeq, line.overflowToSeq ?? 0, fromSeq);
  const taken = line.deliveries.take(({ event, state: { kind } }) => {
    return event.seq >= fromSeq && (kind === 'queued' || kind === 'ready' || kind === 'scheduled');
  });
  for (const delivery of taken) {
    const { kind } = delivery.state;
    drop(state, delivery);
    if (kind === 'ready') state.ready.clean();
    if (kind === 'scheduled') state.scheduled.take((other) => other === delivery);
  }
  line.overflowToSeq = newestSeq;
  if (line.fetchId === undefined) line.readToSeq = Math.min(line.readToSeq, fromSeq - 1);
  else line.readAgainFromSeq = Math.min(line.readAgainFromSeq ?? fromSeq, fromSeq);
}

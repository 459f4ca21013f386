import type { OpenDelivery } from './delivery.ts';
import { tellHeld } from './gate.ts';
import type { FetchEffect, FetchedDelivery, LaneDelivery, LaneState, Line } from './lane.ts';
import { Queue } from './queue.ts';
import { longestDelayMs } from './retry.ts';
import type { Turn } from './turn.ts';

/** A page is read while the journal's thread does nothing else; 1,024 rows take it a few milliseconds. */
const PAGE_DELIVERIES = 1_024;

/** Smaller pages than this are not worth a way to the journal's thread. */
const WORTHWHILE_DELIVERIES = 128;

/** True while the journal holds deliveries that the lane has not looked at. */
export function isBehind(state: LaneState): boolean {
  return state.newestSeq > state.fetchedToSeq;
}

/** Takes freshly accepted deliveries into the window while it has room and nothing older waits in the journal. */
export function takeArrived(turn: Turn, deliveries: readonly OpenDelivery[]): void {
  const { state } = turn;
  for (const delivery of deliveries) {
    const { seq } = delivery.event;
    if (seq <= state.fetchedToSeq) continue;
    if (!isBehind(state) && hasRoom(state)) {
      state.fetchedToSeq = seq;
      admit(turn, { delivery, delayMs: 0 });
    }
    state.newestSeq = Math.max(state.newestSeq, seq);
  }
}

/** Takes a page from the journal into the window. */
export function takeFetched(
  turn: Turn,
  page: { fetch: FetchEffect; deliveries: readonly FetchedDelivery[]; scannedToSeq: number },
): void {
  const { state } = turn;
  state.awaited.deliveries -= page.fetch.limit;
  state.awaited.bytes -= page.fetch.limitBytes;
  if (page.fetch.overflowOf === undefined) {
    state.fetching = false;
    for (const fetched of page.deliveries) admit(turn, fetched);
    state.fetchedToSeq = Math.max(state.fetchedToSeq, page.scannedToSeq);
    state.newestSeq = Math.max(state.newestSeq, page.scannedToSeq);
    return;
  }
  const line = state.lines.get(page.fetch.overflowOf.key);
  if (line === undefined) return;
  line.fetching = false;
  for (const { delivery, delayMs } of page.deliveries) enqueue(turn, line, { delivery, delayMs });
  line.lastSeq = Math.max(line.lastSeq, page.scannedToSeq);
  if (line.overflowToSeq !== undefined && line.overflowToSeq <= line.lastSeq) line.overflowToSeq = undefined;
  askForOverflow(turn, line);
  dropIfEmpty(state, line);
}

/** Asks for the next page of the backlog once there is room for a good one, and not only when the window runs empty:
 * it may be nearly full of deliveries that wait for their retry, and what comes after them must not wait with them. */
export function askForMore(turn: Turn): void {
  const { state } = turn;
  if (state.draining || state.fetching || !isBehind(state)) return;
  const { window } = state.rules;
  const room = roomOf(state);
  const isWorthwhile = room.deliveries >= Math.min(WORTHWHILE_DELIVERIES, window.deliveries / 2);
  if (!isWorthwhile || room.bytes < window.bytes / 8) return;
  state.fetching = true;
  const limit = Math.min(PAGE_DELIVERIES, room.deliveries);
  fetch(turn, { afterSeq: state.fetchedToSeq, overflowOf: undefined, limit });
}

/**
 * Puts those behind a delivery that waits for its retry back into the journal when the window runs short of room:
 * they cannot go before it, and other keys could.
 */
export function giveWay(turn: Turn, line: Line): void {
  const { state } = turn;
  if (!mayGiveWay(state, line)) return;
  const followers = line.deliveries.takeRest();
  const newest = followers.at(-1);
  if (newest === undefined) return;
  for (const { event } of followers) {
    state.deliveries.delete(event.seq);
    state.windowBytes -= event.data.byteLength;
  }
  line.overflowToSeq ??= newest.event.seq;
  line.lastSeq = line.deliveries.peek()?.event.seq ?? line.lastSeq;
}

/** True when what is behind the head of this line would only take room from others. A page on its way to the line
 * begins where the line ends now, so the line must not change under it. */
function mayGiveWay(state: LaneState, line: Line): boolean {
  const room = roomOf(state);
  const { window } = state.rules;
  const isShort = room.deliveries < window.deliveries / 2 || room.bytes < window.bytes / 2;
  return isShort && !line.fetching && line.deliveries.peek()?.state.kind === 'scheduled';
}

/** Takes a settled delivery out of the window; the next of its key becomes the head of the line. */
export function leave(turn: Turn, delivery: LaneDelivery): void {
  const { state } = turn;
  const { line } = delivery;
  const head = line.deliveries.shift();
  if (head !== delivery) throw new Error(`delivery ${delivery.event.seq} left its line from the middle`);
  delivery.state = { kind: 'settled' };
  state.deliveries.delete(delivery.event.seq);
  state.windowBytes -= delivery.event.data.byteLength;
  askForOverflow(turn, line);
  const next = line.deliveries.peek();
  if (next !== undefined) becomeHead(turn, next);
  else dropIfEmpty(state, line);
}

/** A delivery whose time has come is the head of its line again. */
export function makeDue(turn: Turn, delivery: LaneDelivery): void {
  delivery.state = { kind: 'queued' };
  becomeHead(turn, delivery);
  tellHeld(turn, delivery);
}

/** A delivery that became the head of its line may go, or is none of this adapter's business. */
export function becomeHead(turn: Turn, delivery: LaneDelivery): void {
  const { runtime } = turn.state;
  if (runtime.kind === 'not_ready') return;
  if (runtime.accepts === 'all' || runtime.accepts.has(delivery.event.type)) {
    delivery.state = { kind: 'ready' };
    turn.state.ready.push(delivery);
    return;
  }
  delivery.state = { kind: 'recording', next: { kind: 'settled' } };
  turn.state.unrecorded += 1;
  turn.effects.push({
    kind: 'record',
    event: delivery.event,
    counts: delivery.counts,
    state: 'skipped',
    nextAttemptInMs: undefined,
    attempt: undefined,
  });
}

/** What the window can still take beside the pages on their way; below zero when a large payload went beyond it. */
function roomOf({ rules: { window }, deliveries, windowBytes, awaited }: LaneState): {
  deliveries: number;
  bytes: number;
} {
  return {
    deliveries: window.deliveries - deliveries.size - awaited.deliveries,
    bytes: window.bytes - windowBytes - awaited.bytes,
  };
}

function hasRoom(state: LaneState): boolean {
  const room = roomOf(state);
  return room.deliveries > 0 && room.bytes > 0;
}

function fetch(turn: Turn, page: Pick<FetchEffect, 'afterSeq' | 'overflowOf' | 'limit'>): void {
  const { state, effects } = turn;
  const { window } = state.rules;
  // Its share and no more: room that a page keeps is closed to what arrives meanwhile.
  const shareBytes = Math.ceil((window.bytes / window.deliveries) * page.limit);
  const limitBytes = Math.max(0, Math.min(shareBytes, roomOf(state).bytes));
  state.awaited.deliveries += page.limit;
  state.awaited.bytes += limitBytes;
  effects.push({ kind: 'fetch', ...page, limitBytes });
}

function admit(turn: Turn, fetched: FetchedDelivery): void {
  const { state } = turn;
  const { key, seq } = fetched.delivery.event;
  const line = (key === '' ? undefined : state.lines.get(key)) ?? createLine(state, key);
  const isFull = line.deliveries.size >= state.rules.window.deliveriesPerKey;
  if (line.overflowToSeq !== undefined || isFull || mayGiveWay(state, line)) {
    line.overflowToSeq = seq;
    return;
  }
  enqueue(turn, line, fetched);
}

function enqueue(turn: Turn, line: Line, { delivery, delayMs }: FetchedDelivery): void {
  const { state, nowMs } = turn;
  const { event, cycle, attempts, spent, crashes } = delivery;
  const entry: LaneDelivery = {
    event,
    line,
    counts: { cycle, attempts, spent, crashes },
    state: { kind: 'queued' },
    toldHeldBy: undefined,
  };
  const isHead = line.deliveries.size === 0;
  line.deliveries.push(entry);
  line.lastSeq = event.seq;
  state.deliveries.set(event.seq, entry);
  state.windowBytes += event.data.byteLength;
  if (isHead && delayMs > 0) {
    // The journal gives clock time; whatever the clock did meanwhile, no wait is longer than the longest there is.
    const dueAtMs = nowMs + Math.min(delayMs, longestDelayMs(state.rules.retry));
    entry.state = { kind: 'scheduled', dueAtMs, notBeforeMs: 0 };
    state.scheduled.add(dueAtMs, entry);
  } else if (isHead) {
    becomeHead(turn, entry);
  }
  tellHeld(turn, entry);
}

function createLine(state: LaneState, key: string): Line {
  const line: Line = { key, deliveries: new Queue(), lastSeq: 0, overflowToSeq: undefined, fetching: false };
  if (key !== '') state.lines.set(key, line);
  return line;
}

function dropIfEmpty(state: LaneState, line: Line): void {
  const isEmpty = line.deliveries.size === 0 && line.overflowToSeq === undefined;
  if (isEmpty && state.lines.get(line.key) === line) state.lines.delete(line.key);
}

function askForOverflow(turn: Turn, line: Line): void {
  const { deliveriesPerKey } = turn.state.rules.window;
  const { overflowToSeq: upToSeq, deliveries } = line;
  if (upToSeq === undefined || line.fetching || turn.state.draining || deliveries.size > deliveriesPerKey / 2) return;
  if (!hasRoom(turn.state) && deliveries.size > 0) return;
  line.fetching = true;
  // To an empty line one still comes, however full the window is: without a head nothing would ever ask for more.
  const limit = Math.min(Math.max(1, roomOf(turn.state).deliveries), deliveriesPerKey - deliveries.size);
  fetch(turn, { afterSeq: line.lastSeq, overflowOf: { key: line.key, upToSeq }, limit });
}

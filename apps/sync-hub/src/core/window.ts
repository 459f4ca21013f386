import type { OpenDelivery } from './delivery.ts';
import { endFetch, fetch, forgetLeft, isOutdated } from './fetch.ts';
import { tellHeldByKey } from './hold.ts';
import type { LaneState, Line } from './lane.ts';
import type { FetchEffect } from './lane-effect.ts';
import type { FetchedDelivery } from './lane-input.ts';
import { askForOverflow, createLine, dropIfEmpty, enqueue, mayGiveWay, readAgain } from './line.ts';
import {
  endPage,
  hasPassedOver,
  makeRoom,
  mayBePassedOver,
  passOver,
  passOverToo,
  presentPass,
  rangeOf,
} from './passing.ts';
import { hasRoom, hasRoomForPage, isBehind, roomOf } from './room.ts';
import type { Turn } from './turn.ts';

/** A page is read while the journal's thread does nothing else; 1,024 rows take it a few milliseconds. */
const PAGE_DELIVERIES = 1_024;

interface FetchedPage {
  readonly fetch: FetchEffect;
  readonly deliveries: readonly FetchedDelivery[];
  readonly scannedToSeq: number;
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
export function takeFetched(turn: Turn, page: FetchedPage): void {
  const { state } = turn;
  const { of } = page.fetch;
  endFetch(state, page.fetch);
  switch (of.kind) {
    case 'backlog':
      state.fetching = false;
      takeBacklog(turn, page);
      break;
    case 'passed_over':
      state.fetching = false;
      for (const fetched of upToDate(state, page)) admitAgain(turn, fetched);
      endPage(state, page.scannedToSeq);
      break;
    case 'overflow': {
      const line = state.lines.get(of.key);
      if (line?.fetchId === page.fetch.id) takeOverflow(turn, line, page);
      break;
    }
    default:
      of satisfies never;
  }
  forgetLeft(state);
}

/** Asks for the next page once there is room for a good one, and not only when the window runs empty: it may be nearly
 * full of deliveries that wait for their retry, and what comes after them must not wait with them. */
export function askForMore(turn: Turn): void {
  const { state } = turn;
  if (state.draining || state.fetching) return;
  const isUnread = isBehind(state);
  if (!isUnread && !hasPassedOver(state)) return;
  if (isUnread) makeRoom(state);
  // With nothing to do but what failed before, a small page is better than none.
  const isIdle = !state.ready.hasFresh && state.attempting.size === 0;
  if (!hasRoomForPage(state) && !(isIdle && hasRoom(state))) return;
  state.fetching = true;
  // They take turns, so that neither new events nor those that gave their place wait for ever.
  const isBacklogNext = isUnread && !(state.lastRead === 'backlog' && hasPassedOver(state));
  state.lastRead = isBacklogNext ? 'backlog' : 'passed_over';
  const limit = Math.min(PAGE_DELIVERIES, roomOf(state).deliveries);
  const pass = isBacklogNext ? undefined : presentPass(state);
  if (pass === undefined) {
    fetch(turn, { of: { kind: 'backlog' }, afterSeq: state.fetchedToSeq, limit, repeats: false });
  } else {
    const of = { kind: 'passed_over', upToSeq: pass.over.toSeq } as const;
    fetch(turn, { of, afterSeq: pass.readToSeq, limit, repeats: true });
  }
}

function takeBacklog(turn: Turn, page: FetchedPage): void {
  const { state } = turn;
  const { readAgainFromSeq = Number.POSITIVE_INFINITY } = state;
  state.readAgainFromSeq = undefined;
  for (const fetched of upToDate(state, page)) {
    if (fetched.delivery.event.seq >= readAgainFromSeq) break;
    admit(turn, fetched);
  }
  state.fetchedToSeq = Math.max(state.fetchedToSeq, Math.min(page.scannedToSeq, readAgainFromSeq - 1));
  state.newestSeq = Math.max(state.newestSeq, page.scannedToSeq);
}

/** Takes in a delivery that the lane has not seen. */
function admit(turn: Turn, fetched: FetchedDelivery): void {
  const { state } = turn;
  const { key, seq } = fetched.delivery.event;
  if (key === '') {
    enqueue(turn, createLine(state, key, seq), fetched);
    return;
  }
  if (state.heldKeys.holds(fetched.delivery.event)) {
    tellHeldByKey(turn, fetched);
    return;
  }
  const line = state.lines.get(key);
  if (line === undefined) {
    if (mayBePassedOver(state, key)) passOverToo(state, rangeOf(fetched.delivery.event));
    else enqueue(turn, createLine(state, key, seq), fetched);
  } else if (state.pass?.over.mayHave(key)) {
    // The pass may bring more of the key, and this is later.
    line.overflowToSeq = seq;
  } else {
    append(turn, line, fetched);
  }
}

/** Takes in a delivery that was passed over. */
function admitAgain(turn: Turn, fetched: FetchedDelivery): void {
  const { state } = turn;
  const { key, seq } = fetched.delivery.event;
  if (key === '') {
    enqueue(turn, createLine(state, key, seq), fetched);
    return;
  }
  if (state.heldKeys.holds(fetched.delivery.event)) return;
  const line = state.lines.get(key);
  if (line === undefined && (state.passedOver?.mayHave(key) ?? false)) {
    passOver(state, rangeOf(fetched.delivery.event));
  } else if (line === undefined) {
    enqueue(turn, createLine(state, key, seq), fetched);
  } else if (seq <= line.readToSeq) {
    readAgain(turn, line, seq);
  } else {
    append(turn, line, fetched);
  }
}

/** Puts a delivery at the end of what is known of its key. */
function append(turn: Turn, line: Line, fetched: FetchedDelivery): void {
  const { state } = turn;
  const { seq } = fetched.delivery.event;
  const isFull = line.deliveries.size >= state.rules.window.deliveriesPerKey;
  if (line.overflowToSeq !== undefined || isFull || mayGiveWay(state, line)) {
    line.overflowToSeq = Math.max(line.overflowToSeq ?? 0, seq);
    return;
  }
  enqueue(turn, line, fetched);
}

function takeOverflow(turn: Turn, line: Line, page: FetchedPage): void {
  const { state } = turn;
  const { readAgainFromSeq = Number.POSITIVE_INFINITY } = line;
  line.fetchId = undefined;
  line.readAgainFromSeq = undefined;
  // Those behind a delivery that waits would only take room from others: they are read when it has gone.
  if (!mayGiveWay(state, line)) {
    for (const fetched of upToDate(state, page)) {
      if (fetched.delivery.event.seq >= readAgainFromSeq) break;
      if (!state.heldKeys.holds(fetched.delivery.event)) enqueue(turn, line, fetched);
    }
    line.readToSeq = Math.min(Math.max(line.readToSeq, page.scannedToSeq), readAgainFromSeq - 1);
  } else line.readToSeq = Math.min(line.readToSeq, readAgainFromSeq - 1);
  if (line.overflowToSeq !== undefined && line.overflowToSeq <= line.readToSeq) line.overflowToSeq = undefined;
  askForOverflow(turn, line);
  dropIfEmpty(state, line);
}

/** Of a page, what the lane does not have and still is as the page says. */
function* upToDate(state: LaneState, { fetch: { id }, deliveries }: FetchedPage): Iterable<FetchedDelivery> {
  for (const fetched of deliveries) if (!isOutdated(state, id, fetched.delivery.event.seq)) yield fetched;
}

import type { LaneState } from './lane.ts';
import type { FetchEffect, FetchSubject } from './lane-effect.ts';
import { roomOf } from './room.ts';
import type { Turn } from './turn.ts';

/** A page to be asked for. */
export interface Page {
  readonly of: FetchSubject;
  readonly afterSeq: number;
  readonly limit: number;
  readonly repeats: boolean;
}

/** Asks the journal for a page and keeps room for it. Returns the page's id. */
export function fetch(turn: Turn, { of, afterSeq, limit, repeats }: Page): number {
  const { state, effects } = turn;
  const { window } = state.rules;
  // Its share and no more: room that a page keeps is closed to what arrives meanwhile.
  const shareBytes = Math.ceil((window.bytes / window.deliveries) * limit);
  const limitBytes = Math.max(0, Math.min(shareBytes, roomOf(state).bytes));
  state.awaited.deliveries += limit;
  state.awaited.bytes += limitBytes;
  state.fetches.lastId += 1;
  state.fetches.count += 1;
  if (repeats) state.fetches.repeating += 1;
  const id = state.fetches.lastId;
  effects.push({ kind: 'fetch', id, of, afterSeq, limit, limitBytes, repeats });
  return id;
}

/** A page came: the room that was kept for it is free for what it brings. */
export function endFetch({ awaited, fetches }: LaneState, { limit, limitBytes, repeats }: FetchEffect): void {
  awaited.deliveries -= limit;
  awaited.bytes -= limitBytes;
  fetches.count -= 1;
  if (repeats) fetches.repeating -= 1;
}

/** To be called once a page was looked through: what left before is of no interest to pages that are asked for later. */
export function forgetLeft({ fetches }: LaneState): void {
  if (fetches.count === 0) fetches.left.clear();
}

/** True when a page is wrong about a delivery: it is in the window, or left it meanwhile. */
export function isOutdated({ deliveries, fetches }: LaneState, fetchId: number, seq: number): boolean {
  if (deliveries.has(seq)) return true;
  return fetches.left.size > 0 && (fetches.left.get(seq) ?? 0) >= fetchId;
}

import type { LaneDelivery, LaneState } from './lane.ts';

/** Smaller pages than this are not worth a way to the journal's thread. */
const WORTHWHILE_DELIVERIES = 128;

/** True while the journal holds deliveries that the lane has not looked at. */
export function isBehind(state: LaneState): boolean {
  return state.newestSeq > state.fetchedToSeq;
}

/** What the window can still take beside the pages on their way; below zero when a large payload went beyond it. */
export function roomOf({ rules: { window }, deliveries, windowBytes, awaited }: LaneState): {
  deliveries: number;
  bytes: number;
} {
  return {
    deliveries: window.deliveries - deliveries.size - awaited.deliveries,
    bytes: window.bytes - windowBytes - awaited.bytes,
  };
}

export function hasRoom(state: LaneState): boolean {
  const { deliveries, bytes } = roomOf(state);
  return deliveries > 0 && bytes > 0;
}

/** True when a good page has room. */
export function hasRoomForPage(state: LaneState): boolean {
  const { window } = state.rules;
  const { deliveries, bytes } = roomOf(state);
  return deliveries >= Math.min(WORTHWHILE_DELIVERIES, window.deliveries / 2) && bytes >= window.bytes / 8;
}

/** True when less than half of the window is left. */
export function isShort(state: LaneState): boolean {
  const { window } = state.rules;
  const { deliveries, bytes } = roomOf(state);
  return deliveries < window.deliveries / 2 || bytes < window.bytes / 2;
}

/** Takes a delivery out of the window. Its line is the caller's. */
export function drop(state: LaneState, delivery: LaneDelivery): void {
  const { fetches } = state;
  const { seq, data } = delivery.event;
  delivery.state = { kind: 'gone' };
  state.deliveries.delete(seq);
  state.windowBytes -= data.byteLength;
  if (fetches.repeating > 0) fetches.left.set(seq, fetches.lastId);
}

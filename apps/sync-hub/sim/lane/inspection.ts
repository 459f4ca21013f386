import type { LaneState } from '../../src/core/lane.ts';
import { type LaneFacts, must } from './facts.ts';
import { isSettled } from './journal.ts';

/** Looks at a whole lane between two steps: its bounds, and that it can still reach all that is open. */
export function inspectLane(state: LaneState, facts: LaneFacts, recording: ReadonlySet<number>): void {
  const { journal, attempts, plan } = facts;
  const { window } = state.rules;
  must(state.deliveries.size + state.awaited.deliveries <= window.deliveries, 'the window holds its count');
  must(state.windowBytes <= window.bytes + plan.payloadBytesMax * window.deliveries, 'and its bytes');
  for (const line of state.lines.values()) {
    must(line.deliveries.size <= window.deliveriesPerKey, `key ${line.key} keeps to its part of the window`);
  }
  must(state.attempting.size + state.overdue === attempts.size, 'the lane knows what runs');
  must(state.ready.size + state.scheduled.size <= state.deliveries.size, 'nothing waits twice');
  for (const delivery of journal.deliveries) {
    if (isSettled(delivery) || recording.has(delivery.event.seq) || facts.untold.has(delivery.event.seq)) continue;
    must(isReachable(state, delivery.event), `event ${delivery.event.seq} is not forgotten`);
  }
  for (const [seq, { state: now }] of state.deliveries) {
    const isDone = isSettled(journal.delivery(seq)) && !recording.has(seq);
    must(!isDone || now.kind === 'overdue', `event ${seq} is settled and has left the window`);
  }
}

/** When all is settled and nothing runs. */
export function mustBeEmpty({ deliveries, lines, ready, scheduled, attempting, ...state }: LaneState): void {
  const left = { deliveries: deliveries.size, lines: lines.size, ready: ready.size, scheduled: scheduled.size };
  const { overdue, unrecorded, windowBytes, awaited, outside, fetches } = state;
  const counts = { attempting: attempting.size, overdue, unrecorded, windowBytes, awaitedBytes: awaited.bytes };
  const pages = { pages: fetches.count, repeating: fetches.repeating, left: fetches.left.size };
  const passed = { passedOver: state.passedOver === undefined ? 0 : 1, pass: state.pass === undefined ? 0 : 1 };
  const all = { ...left, ...counts, ...pages, ...passed, awaited: awaited.deliveries, outside: outside.size };
  const kept = Object.entries(all).filter(([, size]) => size !== 0);
  must(kept.length === 0, `nothing is kept of what is settled, not ${JSON.stringify(kept)}`);
}

function isReachable(state: LaneState, { seq, key }: { seq: number; key: string }): boolean {
  if (state.deliveries.has(seq) || state.outside.has(seq) || seq > state.fetchedToSeq) return true;
  if (key !== '' && state.heldKeys.holds({ key, seq })) return true;
  const line = key === '' ? undefined : state.lines.get(key);
  const readToSeq = Math.min(line?.readToSeq ?? 0, (line?.readAgainFromSeq ?? Number.POSITIVE_INFINITY) - 1);
  if (line?.overflowToSeq !== undefined && readToSeq < seq && seq <= line.overflowToSeq) return true;
  const { passedOver, pass } = state;
  if (passedOver !== undefined && passedOver.fromSeq <= seq && seq <= passedOver.toSeq) return true;
  return pass !== undefined && pass.readToSeq < seq && seq <= pass.over.toSeq;
}

import type { ReadyDelivery, ReadyPlace } from './delivery.ts';
import { createDelivery, enter, keyOrSeq, type LaneDelivery, type LaneState } from './lane.ts';
import type { LookAheadEffect } from './lane-effect.ts';
import type { LaneInput } from './lane-input.ts';
import type { StepContext } from './step-context.ts';

type News = Omit<LaneInput & { kind: 'news' }, 'kind' | 'atMs'>;
type Page = Omit<LaneInput & { kind: 'page' }, 'kind' | 'atMs'>;

/**
 * A commit made deliveries ready. They are taken as they come while the lane has room and has read all that was ready
 * before; else the lane reads them later, in their order.
 */
export function takeNews(context: StepContext, { ready, isMore, nextDueAtMs }: News): void {
  const { supply, withheld } = context.state;
  // First: what is due earlier lies before these, and is read with them.
  supply.nextDueAtMs = Math.min(supply.nextDueAtMs, nextDueAtMs);
  for (const handed of ready) {
    if (withheld.has(handed.event.seq)) withheld.set(handed.event.seq, handed);
    const isNext = !supply.isMore && !supply.isReading && supply.nextDueAtMs > handed.dueAtMs;
    if (isNext && hasRoom(context.state)) {
      supply.place = placeOf(handed);
      take(context, handed);
    } else {
      supply.isMore = true;
    }
  }
  if (isMore) supply.isMore = true;
}

/** What was ready, in its order. No answer is older than what was reported before it: so nothing is missing before its end,
 * and nothing of it was settled meanwhile. */
export function takePage(context: StepContext, { deliveries, isEnd, nextDueAtMs }: Page): void {
  const { supply } = context.state;
  supply.isReading = false;
  supply.isMore = !isEnd;
  if (isEnd) supply.nextDueAtMs = nextDueAtMs;
  const last = deliveries.at(-1);
  if (last !== undefined) supply.place = placeOf(last);
  for (const handed of deliveries) take(context, handed);
}

/** Asks for more once half of the room is free, so that a page is worth its way to the journal. */
export function readMore({ state, nowMs, effects }: StepContext): void {
  const { supply, ready, rules, draining } = state;
  if (supply.nextDueAtMs <= nowMs) {
    supply.nextDueAtMs = Number.POSITIVE_INFINITY;
    supply.isMore = true;
  }
  if (!supply.isMore || supply.isReading || draining) return;
  const { deliveries, bytes } = rules.prefetch;
  if (ready.size > deliveries / 2 || ready.bytes > bytes / 2) return;
  supply.isReading = true;
  const limit = deliveries - ready.size;
  effects.push({ kind: 'read', after: supply.place, limit, limitBytes: bytes - ready.bytes });
}

/** Looks for the head that is due first of those that were not handed to the lane. */
export function lookBehind(
  { state, effects }: StepContext,
  look: Pick<LookAheadEffect, 'purpose' | 'except' | 'ignoreNotBefore'>,
): void {
  effects.push({ kind: 'look_ahead', seq: undefined, after: state.supply.place, ...look });
}

/** Takes a delivery that is ready; undefined when the lane has it, or may not begin it now. */
export function take(context: StepContext, handed: ReadyDelivery): LaneDelivery | undefined {
  const { state } = context;
  const { seq } = handed.event;
  // Whether it is still ready, the answer to the discard says, or to giving it back.
  if (state.withheld.has(seq)) state.withheld.set(seq, handed);
  if (state.withheld.has(seq) || state.deliveries.has(seq)) return undefined;
  const delivery = createDelivery(state, handed);
  const overdue = state.overdue.get(keyOrSeq(handed.event));
  if (isSkipped(state, delivery)) {
    skip(context, delivery);
  } else if (overdue !== undefined) {
    overdue.blocked = delivery;
    enter(state, delivery, { kind: 'blocked' });
  } else {
    enter(state, delivery, { kind: 'ready' });
  }
  return delivery;
}

/** After the adapter became another: what it does not accept is skipped. */
export function skipUnaccepted(context: StepContext): void {
  for (const delivery of [...context.state.ready]) if (isSkipped(context.state, delivery)) skip(context, delivery);
}

/** True when the adapter is known not to accept events of this type. */
function isSkipped({ runtime }: LaneState, { event }: LaneDelivery): boolean {
  const { accepts = 'all' } = runtime;
  return accepts !== 'all' && !accepts.has(event.type);
}

function skip({ state, effects }: StepContext, delivery: LaneDelivery): void {
  const { event, counts } = delivery;
  enter(state, delivery, { kind: 'recording' });
  const none = { nextAttemptInMs: undefined, notBeforeInMs: 0, attempt: undefined };
  effects.push({ kind: 'record', event, counts, state: 'skipped', ...none });
}

function hasRoom({ ready, rules: { prefetch } }: LaneState): boolean {
  return ready.size < prefetch.deliveries && ready.bytes < prefetch.bytes;
}

function placeOf({ dueAtMs, event: { seq } }: ReadyDelivery): ReadyPlace {
  return { dueAtMs, seq };
}

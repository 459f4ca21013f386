import type { ReadyDelivery, ReadyPlace } from './delivery.ts';
import type { LaneInput } from './lane-messages.ts';
import { admit, isSkipped, type LaneState, type StepContext, skip } from './lane-state.ts';

type News = Pick<LaneInput & { kind: 'committed' }, 'ready' | 'isMore' | 'nextDueAtMs'>;
type Page = Omit<LaneInput & { kind: 'page' }, 'kind' | 'atMs'>;

/**
 * A commit made deliveries ready. They are taken as they come while the lane has room and has read all that was ready
 * before; else the lane reads them later, in their order.
 */
export function admitNews(context: StepContext, { ready, isMore, nextDueAtMs }: News): void {
  const { supply } = context.state;
  // First: what is due earlier lies before these, and is read with them.
  supply.nextDueAtMs = Math.min(supply.nextDueAtMs, nextDueAtMs);
  for (const handed of ready) {
    const isNext = !supply.isMore && !supply.isReading && supply.nextDueAtMs > handed.dueAtMs;
    if (isNext && hasRoom(context.state)) {
      supply.place = placeOf(handed);
      admit(context, handed);
    } else {
      supply.isMore = true;
    }
  }
  if (isMore) supply.isMore = true;
}

/** What was ready, in its order. The journal answers a read after reporting every commit before it (see Journal): so the
 * page has no gap, and nothing in it was settled before it came. */
export function admitPage(context: StepContext, { deliveries, isEnd, nextDueAtMs }: Page): void {
  const { supply } = context.state;
  supply.isReading = false;
  supply.isMore = !isEnd;
  if (isEnd) supply.nextDueAtMs = nextDueAtMs;
  const last = deliveries.at(-1);
  if (last !== undefined) supply.place = placeOf(last);
  for (const handed of deliveries) admit(context, handed);
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

/** After the adapter became another: what it does not accept is skipped. */
export function skipUnaccepted(context: StepContext): void {
  for (const delivery of [...context.state.ready]) if (isSkipped(context.state, delivery)) skip(context, delivery);
}

function hasRoom({ ready, rules: { prefetch } }: LaneState): boolean {
  return ready.size < prefetch.deliveries && ready.bytes < prefetch.bytes;
}

function placeOf({ dueAtMs, event: { seq } }: ReadyDelivery): ReadyPlace {
  return { dueAtMs, seq };
}

import { waitsForSuspect } from './attempts.ts';
import type { ReadyDelivery, ReopenedDelivery } from './delivery.ts';
import { type LaneDelivery, type LaneState, release } from './lane.ts';
import type { LaneInput } from './lane-input.ts';
import type { StepContext } from './step-context.ts';
import { lookBehind, take } from './supply.ts';

/** An operator discards deliveries: the journal does, unless an attempt of one runs or its outcome is on the way there. */
export function discard(
  { state, effects }: StepContext,
  { seqs, reason }: { readonly seqs: readonly number[]; readonly reason: string },
): void {
  for (const seq of seqs) {
    if (isBusy(state, seq) || state.withheld.has(seq)) continue;
    withhold(state, seq);
    state.evidence.forget(seq);
    state.ready.acquit(seq);
    effects.push({ kind: 'discard', seq, reason });
  }
}

/**
 * A dead letter is open again, and a later one is the head of its key. That one is given back, so that the older one goes
 * first, unless an attempt of it runs or may have been made: its outcome then decides whether the older one is still to be
 * sent.
 */
export function giveBack({ state, effects }: StepContext, behindSeq: ReopenedDelivery['behindSeq']): void {
  if (behindSeq === undefined || isBusy(state, behindSeq) || state.withheld.has(behindSeq)) return;
  if (state.deliveries.get(behindSeq)?.mayHaveRun === true) return;
  withhold(state, behindSeq);
  effects.push({ kind: 'give_back', seq: behindSeq });
}

/** The lane does not begin it until the journal has answered. */
function withhold(state: LaneState, seq: number): void {
  const delivery = state.deliveries.get(seq);
  if (delivery !== undefined) release(state, delivery);
  state.withheld.set(seq, undefined);
}

/** The journal has discarded it, or computed the head of its key again: what was handed out before that may hold no longer. */
export function endWithholding(
  context: StepContext,
  { seq, isHead }: { readonly seq: number; readonly isHead: boolean },
): void {
  const { withheld } = context.state;
  const handedAgain = withheld.get(seq);
  withheld.delete(seq);
  if (isHead && handedAgain !== undefined) take(context, handedAgain);
}

/** True while adapter code has it, or its outcome is on the way to the disk. */
function isBusy({ deliveries, overdue }: LaneState, seq: number): boolean {
  const kind = deliveries.get(seq)?.phase.kind;
  return kind === 'attempting' || kind === 'recording' || overdue.values().some((attempt) => attempt.seq === seq);
}

/**
 * An operator lets one through: the one that would go next, else the head that is due first, whatever it waits for.
 * Nothing when the adapter does not run or has as many as it takes, the hub stops, or one is on its way alone.
 */
export function probe(context: StepContext): void {
  const { state, effects } = context;
  const { ready, lookahead } = state;
  const next = firstReady(state);
  if (!mayProbe(state) || (next !== undefined && ready.isSuspect(next) && state.running.size > 0)) {
    effects.push({ kind: 'probing', event: undefined });
  } else if (next !== undefined) {
    lookahead.asked = next;
    effects.push({ kind: 'probing', event: next.event });
  } else {
    lookahead.reading = 'operator';
    lookBehind(context, { purpose: 'operator', except: undefined, ignoreNotBefore: true });
  }
}

function firstReady({ ready, breaker }: LaneState): LaneDelivery | undefined {
  return ready.firstExcept(breaker.failedLast) ?? ready.first();
}

function mayProbe(state: LaneState): boolean {
  const { runtime, draining, breaker, running, overdue, lookahead } = state;
  if (runtime.kind === 'not_ready' || draining || lookahead.reading === 'operator') return false;
  if (breaker.condition === 'half_open' && breaker.probeSent) return false;
  if (running.size > 0 && waitsForSuspect(state)) return false;
  return running.size < Math.max(1, runtime.concurrency - overdue.size);
}

type Head = Omit<LaneInput & { kind: 'head' }, 'kind' | 'atMs'>;

/** What was looked for ahead of its time. It is taken when it goes now, and else waits on where it is. */
export function takeHead(context: StepContext, { purpose, head }: Head): void {
  const { state, effects, nowMs } = context;
  const { lookahead, breaker } = state;
  switch (purpose) {
    case 'operator':
      lookahead.reading = undefined;
      // Meanwhile something may have become ready, that very head among it.
      lookahead.asked = mayProbe(state) ? (firstReady(state) ?? takeReady(context, head)) : undefined;
      effects.push({ kind: 'probing', event: lookahead.asked?.event });
      break;
    case 'breaker':
      lookahead.reading = undefined;
      if (breaker.condition !== 'half_open' || breaker.probeSent) break;
      if (takeReady(context, head) === undefined) {
        lookahead.missing =
          lookahead.missing === undefined && breaker.failedLast !== undefined ? 'of_another_key' : 'all';
      }
      break;
    case 'last_attempt':
      if (head !== undefined && head.notBeforeMs <= nowMs) takeReady(context, head);
      break;
    default:
      purpose satisfies never;
  }
}

/** Takes a head that can go; undefined when it cannot. */
function takeReady(context: StepContext, head: ReadyDelivery | undefined): LaneDelivery | undefined {
  const delivery = head && take(context, head);
  if (head === undefined || delivery?.phase.kind !== 'ready') return undefined;
  // Places are microseconds apart.
  if (head.dueAtMs > context.nowMs + 1) delivery.aheadUntilMs = head.dueAtMs;
  return delivery;
}

/** An operator ends all waits, also that for which the external system asked: the journal ends those of deliveries. The
 * gate holds as before (pause, breaker, an adapter that does not run), and so does the order of a key. */
export function retryNow({ state }: StepContext): void {
  state.throttle.untilMs = 0;
  state.throttle.inARow = 0;
  state.throttle.notRunUntilMs = 0;
}

import type { ReadyDelivery } from './delivery.ts';
import { admit, type LaneState, type StepContext, withhold } from './lane-state.ts';

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
export function giveBack({ state, effects }: StepContext, behindSeq: number): void {
  const later = state.deliveries.get(behindSeq);
  if (later?.mayHaveRun === true) return;
  if (isUndecided(state, behindSeq)) {
    if (later !== undefined) later.isBehind = true;
    return;
  }
  withhold(state, behindSeq);
  effects.push({ kind: 'give_back', seq: behindSeq });
}

/** The journal has discarded it, or computed the head of its key again: `head` is the delivery if it still is that. */
export function endWithholding(
  context: StepContext,
  { seq, head }: { readonly seq: number; readonly head: ReadyDelivery | undefined },
): void {
  const { withheld, supply } = context.state;
  const answersLeft = (withheld.get(seq) ?? 1) - 1;
  if (answersLeft > 0) withheld.set(seq, answersLeft);
  else withheld.delete(seq);
  if (head === undefined || answersLeft > 0) return;
  if (head.dueAtMs <= context.nowMs + 1) admit(context, head);
  else supply.nextDueAtMs = Math.min(supply.nextDueAtMs, head.dueAtMs);
}

/** True while adapter code has it, or its outcome is on the way to the disk. */
function isBusy(state: LaneState, seq: number): boolean {
  return isUndecided(state, seq) || state.overdue.values().some((attempt) => attempt.seq === seq);
}

/** True while an outcome of it is still to come to the disk. Overdue code has its outcome there already. */
function isUndecided({ deliveries }: LaneState, seq: number): boolean {
  const kind = deliveries.get(seq)?.phase.kind;
  return kind === 'attempting' || kind === 'recording';
}

/** An operator ends all waits, also that for which the external system asked: the journal ends those of deliveries. The
 * gate holds as before (pause, breaker, an adapter that does not run), and so does the order of a key. */
export function retryNow({ state }: StepContext): void {
  state.throttle.untilMs = 0;
  state.throttle.inARow = 0;
  state.throttle.notRunUntilMs = 0;
}

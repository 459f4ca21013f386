import type { LaneDelivery, LaneState } from './lane.ts';

/**
 * The delivery that goes when a person wants one let through now: the one that would go next, else the one that is due
 * first, whatever it waits for. Undefined when none can: nothing waits in the window, the adapter does not run or has as
 * many as it takes, the hub stops, or one is on its way alone.
 */
export function nextProbe(state: LaneState): LaneDelivery | undefined {
  const { runtime, draining, breaker, probeSent, suspectRuns, ready, attempting, overdue, scheduled } = state;
  if (runtime.kind === 'not_ready' || draining || suspectRuns) return undefined;
  if (breaker === 'half_open' && probeSent) return undefined;
  if (attempting.size >= Math.max(1, runtime.concurrency - overdue)) return undefined;
  const next = ready.peek({ insteadOf: state.failedLast }) ?? scheduled.earliest;
  return next?.isSuspect && attempting.size > 0 ? undefined : next;
}

/** A person wants this one: it goes as soon as the breaker is not open. */
export function ask(state: LaneState, seq: number): void {
  const next = nextProbe(state);
  if (next?.event.seq !== seq) throw new Error(`event ${seq} was asked for and does not come next`);
  state.asked = next;
}

/** Takes out what a person wants attempted, if it can go now. */
export function takeAsked(state: LaneState): LaneDelivery | undefined {
  const { asked } = state;
  if (asked === undefined || state.breaker === 'open' || state.draining) return undefined;
  state.asked = undefined;
  if (asked.state.kind === 'scheduled') state.scheduled.take((other) => other === asked);
  else if (asked.state.kind === 'ready') state.ready.remove(asked);
  // It was given up, or gave its place to others.
  else return undefined;
  return asked;
}

import { attemptLimit } from './gate.ts';
import type { LaneDelivery } from './lane.ts';
import type { Turn } from './turn.ts';
import { makeDue } from './window.ts';

/** Begins as many attempts as the gate and the concurrency allow, in the order in which deliveries became ready. */
export function attempt(turn: Turn): void {
  const { state } = turn;
  if (state.runtime.kind === 'not_ready') return;
  const limit = attemptLimit(state, turn.nowMs);
  while (state.attempting.size + state.overdue < limit) {
    if (state.breaker === 'half_open') findProbe(turn);
    const delivery = state.ready.shift();
    if (delivery === undefined) return;
    begin(turn, delivery, state.runtime.attemptTimeoutMs);
  }
}

/** With nothing ready, the delivery that is due first becomes the probe: waiting out its own backoff as well would
 * only make the recovery late. What the external system asked for is waited out. */
function findProbe(turn: Turn): void {
  const { ready, scheduled } = turn.state;
  while (ready.size === 0) {
    const first = scheduled.earliest;
    if (first?.state.kind !== 'scheduled' || first.state.notBeforeMs > turn.nowMs) return;
    scheduled.takeEarliest();
    makeDue(turn, first);
  }
}

function begin(turn: Turn, delivery: LaneDelivery, timeoutMs: number): void {
  const { state, nowMs } = turn;
  const number = delivery.counts.attempts + 1;
  const probe = state.breaker === 'half_open';
  delivery.state = { kind: 'attempting', startedAtMs: nowMs, deadlineAtMs: nowMs + timeoutMs, probe };
  delivery.toldHeldBy = undefined;
  state.attempting.add(delivery);
  if (probe) state.probeSent = true;
  const mayHaveTakenEffect = number > 1 || delivery.counts.cycle > 1;
  const redelivered = mayHaveTakenEffect || delivery.event.seq <= state.rules.recoveredToSeq;
  turn.effects.push({ kind: 'attempt', event: delivery.event, number, redelivered, timeoutMs });
}

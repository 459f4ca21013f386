import { conclude } from './conclude.ts';
import { tellFollowersHeld } from './gate.ts';
import { type AfterRecord, type LaneDelivery, MAX_CONCURRENCY } from './lane.ts';
import type { Outcome } from './outcome.ts';
import type { Turn } from './turn.ts';
import { giveWay, leave, makeDue } from './window.ts';

/** Adapter code returned: its outcome goes to the disk, unless its deadline had passed and settled that already. */
export function endAttempt(turn: Turn, seq: number, outcome: Outcome): void {
  const { state } = turn;
  const delivery = state.deliveries.get(seq);
  if (delivery?.state.kind === 'overdue') {
    state.overdue -= 1;
    const { next, recorded } = delivery.state;
    if (recorded) follow(turn, delivery, next);
    else delivery.state = { kind: 'recording', next };
    return;
  }
  if (delivery?.state.kind !== 'attempting') {
    throw new Error(`an attempt ended that does not run: seq ${seq}, ${delivery?.state.kind ?? 'not in the window'}`);
  }
  state.attempting.delete(delivery);
  // One more for each success doubles the ramp with each round of successes. The probe is before the first round.
  if (outcome.kind === 'delivered' && !delivery.state.probe && state.ramp < MAX_CONCURRENCY) state.ramp += 1;
  delivery.state = { kind: 'recording', next: conclude(turn, delivery, outcome) };
}

/** Attempts whose deadline has passed get the outcome `timed_out`; their code is asked to stop. */
export function expireAttempts(turn: Turn): void {
  const { state, nowMs } = turn;
  for (const delivery of state.attempting) {
    if (delivery.state.kind !== 'attempting' || delivery.state.deadlineAtMs > nowMs) return;
    const timeoutMs = delivery.state.deadlineAtMs - delivery.state.startedAtMs;
    const failure = {
      code: 'TIMED_OUT',
      message: `no answer within ${timeoutMs} ms; whether it took effect is unknown`,
    };
    const next = conclude(turn, delivery, { kind: 'timed_out', failure });
    state.attempting.delete(delivery);
    state.overdue += 1;
    delivery.state = { kind: 'overdue', next, recorded: false };
    turn.effects.push({ kind: 'abort', seq: delivery.event.seq });
    tellFollowersHeld(turn, delivery);
    turn.deadlinesPassed = true;
  }
}

/** An outcome reached the disk: the delivery goes on, unless adapter code still runs. */
export function finishRecord(turn: Turn, seq: number): void {
  const delivery = turn.state.deliveries.get(seq);
  if (delivery?.state.kind === 'overdue' && !delivery.state.recorded) {
    delivery.state = { ...delivery.state, recorded: true };
  } else if (delivery?.state.kind === 'recording') {
    follow(turn, delivery, delivery.state.next);
  } else {
    throw new Error(`a record came back that was not made: seq ${seq}, ${delivery?.state.kind ?? 'not in the window'}`);
  }
  turn.state.unrecorded -= 1;
}

function follow(turn: Turn, delivery: LaneDelivery, next: AfterRecord): void {
  if (next.kind === 'settled') {
    leave(turn, delivery);
  } else if (next.dueAtMs <= turn.nowMs) {
    makeDue(turn, delivery);
  } else {
    delivery.state = { ...next, kind: 'scheduled' };
    turn.state.scheduled.add(next.dueAtMs, delivery);
    giveWay(turn, delivery.line);
    tellFollowersHeld(turn, delivery);
  }
}

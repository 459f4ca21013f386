import { conclude } from './conclude.ts';
import { tellFollowersHeld } from './gate.ts';
import { hold } from './hold.ts';
import { type AfterRecord, type LaneDelivery, MAX_CONCURRENCY } from './lane.ts';
import { giveWay, goOn, isDisplaced, isRefused, leave, makeDue, putBack } from './line.ts';
import type { AttemptEnd } from './outcome.ts';
import { finishOutside } from './outside.ts';
import { gaveItsPlace } from './passing.ts';
import { nextRandom } from './random.ts';
import { backoffMs } from './retry.ts';
import { drop } from './room.ts';
import type { Turn } from './turn.ts';

/** Adapter code returned: its outcome goes to the disk, unless its deadline had passed and settled that already. */
export function endAttempt(turn: Turn, seq: number, outcome: AttemptEnd): void {
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
  stopRunning(turn, delivery, delivery.state.timeoutMs);
  if (outcome.kind === 'not_run') {
    // A little later: an adapter that never has what it is sent must not be asked in a circle.
    const dueAtMs = turn.nowMs + backoffMs(state.rules.retry, 1, nextRandom(state.random));
    follow(turn, delivery, { kind: 'again', dueAtMs, notBeforeMs: turn.nowMs });
    return;
  }
  // One more for each success doubles the ramp with each round of successes. The probe is before the first round.
  if (outcome.kind === 'delivered' && !delivery.state.probe && state.ramp < MAX_CONCURRENCY) state.ramp += 1;
  delivery.state = { kind: 'recording', next: conclude(turn, delivery, outcome) };
}

/** Attempts whose deadline has passed get the outcome `timed_out`; their code is asked to stop. */
export function expireAttempts(turn: Turn): void {
  const { state, nowMs } = turn;
  for (;;) {
    const delivery = state.attempting.takeExpired(nowMs);
    if (delivery?.state.kind !== 'attempting') return;
    const { timeoutMs } = delivery.state;
    if (delivery.isSuspect) state.suspectRuns = false;
    const failure = {
      code: 'TIMED_OUT',
      message: `no answer within ${timeoutMs} ms; whether it took effect is unknown`,
    };
    const next = conclude(turn, delivery, { kind: 'timed_out', failure });
    state.overdue += 1;
    delivery.state = { kind: 'overdue', next, recorded: false };
    turn.effects.push({ kind: 'abort', seq: delivery.event.seq });
    tellFollowersHeld(turn, delivery);
    giveWay(state, delivery.line);
    turn.deadlinesPassed = true;
  }
}

/** An outcome reached the disk: the delivery goes on, unless adapter code still runs. */
export function finishRecord(turn: Turn, seq: number): void {
  const { state } = turn;
  const delivery = state.deliveries.get(seq);
  if (delivery?.state.kind === 'overdue' && !delivery.state.recorded) {
    delivery.state = { ...delivery.state, recorded: true };
  } else if (delivery?.state.kind === 'recording') {
    follow(turn, delivery, delivery.state.next);
  } else if (!finishOutside(state, seq)) {
    throw new Error(`a record came back that was not made: seq ${seq}, ${delivery?.state.kind ?? 'not in the window'}`);
  }
  state.unrecorded -= 1;
}

function follow(turn: Turn, delivery: LaneDelivery, next: AfterRecord): void {
  const { state } = turn;
  const { line } = delivery;
  if (next.kind !== 'again') {
    if (next.kind === 'dead') hold(turn, delivery);
    leave(turn, delivery);
  } else if (isDisplaced(line, delivery)) {
    line.deliveries.shift();
    drop(state, delivery);
    putBack(state, line, delivery.event.seq);
    goOn(turn, line);
  } else if (gaveItsPlace(state, delivery)) {
    // It comes back with a pass over what waits in the journal.
  } else if (next.dueAtMs <= turn.nowMs || isRefused(state, delivery)) {
    makeDue(turn, delivery);
  } else {
    delivery.state = { ...next, kind: 'scheduled' };
    state.scheduled.add(next.dueAtMs, delivery);
    tellFollowersHeld(turn, delivery);
    giveWay(state, line);
  }
}

function stopRunning({ state }: Turn, delivery: LaneDelivery, timeoutMs: number): void {
  state.attempting.delete(delivery, timeoutMs);
  if (delivery.isSuspect) state.suspectRuns = false;
}

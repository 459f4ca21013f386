import type { DeliveryAttempt } from '../../src/runtimes/runtime.ts';
import type { Call, HubFacts, LaneFacts } from '../facts.ts';
import type { Trace } from '../trace.ts';

export interface BeginningAttempt {
  /** In words. */
  readonly what: string;
  readonly attempt: DeliveryAttempt;
  readonly facts: HubFacts;
  readonly lane: LaneFacts;
  /** The calls of the adapter in which code runs. */
  readonly live: ReadonlySet<Call>;
  readonly trace: Trace;
}

/**
 * Whether an attempt may begin, as far as anybody outside the lane knows: what is promised of a lane that is paused,
 * throttled, broken or stopping, and of how many attempts it makes at a time.
 */
export function checkGate(beginning: BeginningAttempt): Pick<Call, 'isHalfOpen' | 'isAsked'> {
  const { what, attempt, facts, lane, live, trace } = beginning;
  const { seq } = attempt.event;
  const nowMs = facts.time.nowMs;
  trace.must(!facts.isStopping && !facts.isClosed, `${what} is not begun once the hub stops`);
  trace.must(!lane.isLost && !lane.isClosed, `${what} is not begun by a lane that somebody else owns`);
  trace.must(lane.isReady, `${what} is not attempted while its adapter does not run`);
  trace.must(!lane.isExpiring, `${what} is not begun before the breaker was notified of deadlines that passed`);
  trace.must(!lane.discarding.has(seq), `${what} is not begun while an operator discards it`);
  const condition = lane.condition();
  trace.must(condition !== 'open', `${what} is not attempted while the breaker is open`);
  const onTime = [...live].filter(({ signal }) => !signal.aborted);
  checkSuspects(beginning, onTime);
  const isHalfOpen = condition === 'half_open';
  if (isHalfOpen) {
    lane.halfOpenBegun += 1;
    trace.must(lane.halfOpenBegun === 1, `${what}: a half-open breaker lets one delivery through`);
  }
  const against: [boolean, string][] = [
    [!lane.isPaused, `${what} is not attempted while its lane is paused`],
    [lane.throttledUntilMs <= nowMs, `${what} is not attempted while its lane is throttled`],
    [!isHalfOpen || onTime.length === 0, `${what}: the probe waits for the attempts before it`],
    [
      isHalfOpen || onTime.length === 0 || live.size < lane.runtime.concurrency,
      `${what}: no more attempts run than the adapter accepts`,
    ],
    [isHalfOpen || onTime.length < lane.ramp, `${what}: after trouble the lane begins with one attempt at a time`],
  ];
  const broken = against.find(([isKept]) => !isKept);
  if (broken === undefined) return { isHalfOpen, isAsked: false };
  // An operator may have one let through, whatever of this holds the lane.
  const probe = lane.probes.find(({ begun }) => begun === undefined);
  trace.must(probe !== undefined, broken[1]);
  if (probe !== undefined) probe.begun = seq;
  return { isHalfOpen, isAsked: true };
}

function checkSuspects({ what, attempt, lane, trace }: BeginningAttempt, onTime: readonly Call[]): void {
  const isSuspect = lane.suspects.has(attempt.event.seq);
  trace.must(!isSuspect || onTime.length === 0, `${what} may have broken the adapter and runs alone`);
  const suspect = onTime.find((call) => lane.suspects.has(call.attempt.event.seq));
  trace.must(
    suspect === undefined,
    `${what}: nothing runs beside event ${suspect?.attempt.event.seq}, which may have broken the adapter`,
  );
}

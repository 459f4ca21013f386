import type { LaneState } from '../core/lane.ts';
import type { RuntimeStart } from '../runtimes/runtime.ts';
import type { BreakerReport } from './breaker.ts';
import type { Clock } from './clock.ts';
import type { TrialHealth } from './trial.ts';

/** How a lane stands, for operators. */
export interface LaneHealth {
  readonly state: 'starting' | 'ready' | 'paused' | 'failed' | 'incompatible' | 'draining';
  /** Why it is paused, failed or incompatible, and what to do; empty otherwise. */
  readonly reason: string;
  /** Why it is paused, also while it does not run; undefined when it is not. */
  readonly pause: string | undefined;
  readonly breaker: BreakerReport;
  /** The version that is being tried with a share of the keys; undefined when there is none. */
  readonly trial: TrialHealth | undefined;
  /** After a dead letter the later events of its key wait (`onDeadLetter: hold`). */
  readonly holdsKeys: boolean;
  /** Deliveries that are not settled. */
  readonly waiting: number;
  /** Attempts that run now, overdue ones among them. */
  readonly inFlight: number;
  /** Undefined when nothing waits. */
  readonly oldestUnsettledAgeMs: number | undefined;
  readonly deadLetters: number;
  /** Until when the outside system asked for no more, by the hub's clock; undefined when it did not. */
  readonly throttledUntilMs: number | undefined;
}

/** Whether the lane works, and if not why. `start`: undefined while the adapter is being started. */
export function laneStanding(
  { pause, draining }: LaneState,
  start: RuntimeStart | undefined,
): Pick<LaneHealth, 'state' | 'reason' | 'pause'> {
  const why = pauseReason(pause);
  if (start === undefined) return { state: 'starting', reason: '', pause: why };
  if (start.kind !== 'ready') return { state: start.kind, reason: start.reason, pause: why };
  if (draining) return { state: 'draining', reason: '', pause: why };
  if (why === undefined) return { state: 'ready', reason: '', pause: why };
  return {
    state: 'paused',
    reason: pause?.kind === 'misconfigured' ? `${why}; ${MISCONFIGURED_ADVICE}` : why,
    pause: why,
  };
}

const MISCONFIGURED_ADVICE =
  'fix the cause, then resume the adapter; after a change of a secret restart the adapter first, after one of hms-sync.yaml the hub';

function pauseReason(pause: LaneState['pause']): string | undefined {
  switch (pause?.kind) {
    case undefined:
      return undefined;
    case 'operator':
      return pause.reason;
    case 'misconfigured':
      return `${pause.failure.code}: ${pause.failure.message}`;
    default:
      return pause satisfies never;
  }
}

/** What holds its deliveries, and for how long. */
export function laneWaits(
  state: LaneState,
  clock: Pick<Clock, 'wallMs' | 'monotonicMs'>,
): Pick<LaneHealth, 'holdsKeys' | 'oldestUnsettledAgeMs' | 'throttledUntilMs'> {
  return {
    holdsKeys: state.rules.onDeadLetter === 'hold',
    oldestUnsettledAgeMs: oldestUnsettledAgeMs(state, clock.wallMs()),
    throttledUntilMs: throttledUntilMs(state, clock),
  };
}

/** How long the delivery that was accepted first, of those that the lane knows of, has been waiting. Undefined: none is. */
function oldestUnsettledAgeMs({ deliveries, passedOver, pass }: LaneState, nowMs: number): number | undefined {
  const oldestMs = Iterator.from(deliveries.values()).reduce(
    (earliestMs, { event }) => Math.min(earliestMs, event.acceptedAtMs),
    Math.min(
      passedOver?.oldestAcceptedAtMs ?? Number.POSITIVE_INFINITY,
      pass?.over.oldestAcceptedAtMs ?? Number.POSITIVE_INFINITY,
    ),
  );
  return Number.isFinite(oldestMs) ? Math.max(0, nowMs - oldestMs) : undefined;
}

/** The time is kept by the monotonic clock, so that a jump of the other neither ends nor stretches the wait. */
function throttledUntilMs(state: LaneState, clock: Pick<Clock, 'wallMs' | 'monotonicMs'>): number | undefined {
  const inMs = state.throttledUntilMs - clock.monotonicMs();
  return inMs > 0 ? clock.wallMs() + inMs : undefined;
}

import type { LaneState } from '../core/lane-state.ts';
import type { RuntimeStart } from '../runtimes/runtime.ts';
import type { BreakerReport } from './breaker.ts';
import type { CanaryHealth } from './canary.ts';
import type { Clock } from './clock.ts';

/** The state of a lane, for operators. */
export interface LaneHealth {
  readonly state: 'starting' | 'ready' | 'paused' | 'failed' | 'incompatible' | 'draining';
  /** Why it is paused, failed or incompatible, and what to do; empty otherwise. */
  readonly reason: string;
  /** Why it is paused, also while it does not run; undefined when it is not. */
  readonly pause: string | undefined;
  readonly breaker: BreakerReport;
  /** The new version that gets a share of the keys; undefined when there is none. */
  readonly canary: CanaryHealth | undefined;
  /** After a dead letter the later events of its key wait (`onDeadLetter: hold`). */
  readonly holdsKeys: boolean;
  /** Attempts that run now, overdue ones among them. */
  readonly inFlight: number;
  /** Until when the external system asked for no more, by the hub's clock; undefined when it did not. */
  readonly throttledUntilMs: number | undefined;
}

/** Whether the lane works, and if not why. `start`: undefined while the adapter is being started; `isLost`: somebody else
 * opened the lane. */
export function laneStatus(
  { pause, draining }: LaneState,
  { start, isLost }: { readonly start: RuntimeStart | undefined; readonly isLost: boolean },
): Pick<LaneHealth, 'state' | 'reason' | 'pause'> {
  const why = pauseReason(pause);
  if (isLost) return { state: 'failed', reason: TAKEN_OVER, pause: why };
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

const TAKEN_OVER =
  'another hub took over this adapter; nothing is delivered to it from here until this hub is restarted';

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

/** Until when the lane waits. Its time is kept by the monotonic clock, so that a jump of the other neither ends nor
 * stretches the wait. */
export function throttledUntilMs(
  { throttle }: LaneState,
  clock: Pick<Clock, 'wallMs' | 'monotonicMs'>,
): number | undefined {
  const inMs = throttle.untilMs - clock.monotonicMs();
  return inMs > 0 ? clock.wallMs() + inMs : undefined;
}

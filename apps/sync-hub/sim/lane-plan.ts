import type { LaneRules, RuntimeCondition } from '../src/core/lane.ts';
import type { OutcomeKind } from '../src/core/outcome.ts';
import type { Dice } from './dice.ts';

/** What one schedule is about: its seed decides which faults it knows, so that each is also met alone. */
export interface LanePlan {
  readonly rules: Omit<LaneRules, 'recoveredToSeq'>;
  readonly runtime: RuntimeCondition & { kind: 'ready' };
  /** Accepted in all, and how much happens while they are. */
  readonly events: number;
  readonly actions: number;
  readonly keys: readonly [string, ...string[]];
  readonly payloadBytesMax: number;
  /** What attempts come to; a kind that is named twice comes twice as often. */
  readonly outcomes: readonly [OutcomeKind, ...OutcomeKind[]];
  readonly retryAfterMsMax: number;
  /** How often an attempt is not seen to end before the schedule heals, unless the process dies. */
  readonly hangs: number;
  /** Those that hang do so for ever: what they hold is all that may stay undelivered. */
  readonly hangsForEver: boolean;
  /** How often a failed attempt opens the breaker. */
  readonly opens: number;
  readonly pauses: boolean;
  readonly restarts: boolean;
  readonly clockJumps: boolean;
  readonly runtimeStops: boolean;
}

export const OTHER_TYPE = 'NotForThisAdapter';
export const TAKEN_TYPE = 'ProcessUpdated';

export function planLane(dice: Dice): LanePlan {
  const windowDeliveries = dice.chance(0.7) ? dice.between(1, 12) : 60;
  const failures = FAILURES.filter(() => dice.chance(0.4));
  const successes = new Array<'delivered'>(dice.between(0, 3)).fill('delivered');
  return {
    rules: {
      retry: { baseMs: dice.between(1, 500), capMs: dice.between(500, 5_000), maxAttempts: dice.between(1, 5) },
      maxCrashes: dice.between(1, 3),
      window: {
        deliveries: windowDeliveries,
        bytes: dice.pick([40, 200, 1_000_000]),
        deliveriesPerKey: dice.between(1, Math.min(12, windowDeliveries)),
      },
    },
    runtime: {
      kind: 'ready',
      accepts: dice.chance(0.3) ? new Set([TAKEN_TYPE]) : 'all',
      concurrency: dice.between(1, 6),
      attemptTimeoutMs: dice.between(50, 1_000),
    },
    events: dice.between(1, 40),
    actions: dice.between(20, 250),
    keys: ['', ...KEYS.slice(0, dice.between(0, KEYS.length))],
    payloadBytesMax: dice.pick([0, 30, 100]),
    outcomes: ['delivered', ...successes, ...failures],
    retryAfterMsMax: dice.pick([0, 1_000, 10_000_000]),
    hangs: dice.pick([0, 0.05, 0.3]),
    hangsForEver: dice.chance(0.3),
    opens: dice.pick([0, 0.2, 0.8]),
    pauses: dice.chance(0.3),
    restarts: dice.chance(0.4),
    clockJumps: dice.chance(0.3),
    runtimeStops: dice.chance(0.2),
  };
}

const FAILURES: readonly OutcomeKind[] = ['retryable', 'throttled', 'permanent', 'misconfigured', 'crashed'];
const KEYS = ['process-1', 'process-2', 'policy-3', 'invoice-4'];

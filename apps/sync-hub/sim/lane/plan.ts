import type { LaneRules, RuntimeCondition } from '../../src/core/lane.ts';
import type { OutcomeKind } from '../../src/core/outcome.ts';
import type { Dice } from '../dice.ts';

/** The clock when a schedule begins. */
export const WALL_START_MS = 1_790_000_000_000;

export type ReadyRuntime = RuntimeCondition & { readonly kind: 'ready' };

/** What one schedule is about: its seed decides which faults it knows, so that each is also met alone. */
export interface LanePlan {
  readonly rules: Omit<LaneRules, 'recoveredToSeq'>;
  /** The versions of the adapter: the first one, and what a person may put in its place. */
  readonly runtimes: readonly [ReadyRuntime, ...ReadyRuntime[]];
  /** Accepted in all, and how much happens while they are. */
  readonly events: number;
  readonly actions: number;
  readonly keys: readonly [string, ...string[]];
  /** Every event has a key of its own. */
  readonly distinctKeys: boolean;
  readonly payloadBytesMax: number;
  /** What attempts come to; a kind that is named twice comes twice as often. */
  readonly outcomes: readonly [OutcomeKind, ...OutcomeKind[]];
  readonly retryAfterMsMax: number;
  /** How often an attempt is not seen to end before the schedule heals, unless the process dies. */
  readonly hangs: number;
  /** Those that hang do so for ever: what they hold is all that may stay undelivered. */
  readonly hangsForEver: boolean;
  /** How many events fail at every attempt until they are cured, and how. One that breaks the adapter takes all down
   * that runs beside it. */
  readonly poison: { readonly share: number; readonly kind: 'retryable' | 'crashed' };
  /** How often a failed attempt opens the breaker. */
  readonly opens: number;
  readonly pauses: boolean;
  readonly probes: boolean;
  readonly replays: boolean;
  readonly discards: boolean;
  readonly restarts: boolean;
  readonly clockJumps: boolean;
  readonly runtimeStops: boolean;
}

export const OTHER_TYPE = 'NotForThisAdapter';
export const TAKEN_TYPE = 'ProcessUpdated';

export function planLane(dice: Dice): LanePlan {
  if (dice.chance(0.04)) return planPoison(dice);
  return dice.chance(0.15) ? planPeople(dice) : planFaults(dice);
}

function planFaults(dice: Dice): LanePlan {
  const windowDeliveries = dice.chance(0.7) ? dice.between(1, 12) : 60;
  const successes = new Array<'delivered'>(dice.between(0, 3)).fill('delivered');
  // With one process for all, only what is poisonous breaks it: else nobody could say who is innocent.
  const poison = { share: dice.chance(0.2) ? 0.2 : 0, kind: dice.pick(['retryable', 'crashed'] as const) };
  const mayBreak = poison.share === 0 || poison.kind !== 'crashed';
  const failures = FAILURES.filter((kind) => dice.chance(0.4) && (mayBreak || kind !== 'crashed'));
  const hasPeople = dice.chance(0.5);
  const first = runtime(dice);
  return {
    rules: {
      retry: {
        baseMs: dice.between(1, 500),
        capMs: dice.between(500, 5_000),
        maxAttempts: dice.between(1, 5),
        ...(dice.chance(0.3) && { maxAgeMs: dice.between(300, 10_000) }),
      },
      maxCrashes: dice.between(1, 3),
      onDeadLetter: dice.chance(0.5) ? 'hold' : 'continue',
      window: {
        deliveries: windowDeliveries,
        bytes: dice.pick([40, 200, 1_000_000]),
        deliveriesPerKey: dice.between(1, Math.min(12, windowDeliveries)),
      },
    },
    runtimes: dice.chance(0.3) ? [first, runtime(dice)] : [first],
    events: dice.between(1, 40),
    actions: dice.between(20, 250),
    keys: ['', ...KEYS.slice(0, dice.between(0, KEYS.length))],
    distinctKeys: dice.chance(0.1),
    payloadBytesMax: dice.pick([0, 30, 100]),
    outcomes: ['delivered', ...successes, ...failures],
    retryAfterMsMax: dice.pick([0, 1_000, 10_000_000]),
    hangs: dice.pick([0, 0.05, 0.3]),
    hangsForEver: dice.chance(0.3),
    poison,
    opens: dice.pick([0, 0.2, 0.8]),
    pauses: dice.chance(0.3),
    probes: hasPeople && dice.chance(0.5),
    replays: hasPeople && dice.chance(0.6),
    discards: hasPeople && dice.chance(0.5),
    restarts: dice.chance(0.4),
    clockJumps: dice.chance(0.3),
    runtimeStops: dice.chance(0.2),
  };
}

/** More events that always fail than the window holds, and good ones behind them; each failure opens the breaker. */
function planPoison(dice: Dice): LanePlan {
  const deliveries = dice.between(1, 8);
  return {
    ...planFaults(dice),
    rules: {
      retry: { baseMs: 100, capMs: 5_000, maxAttempts: 1_000 },
      maxCrashes: 3,
      onDeadLetter: 'continue',
      window: { deliveries, bytes: 1_000_000, deliveriesPerKey: deliveries },
    },
    events: 40,
    distinctKeys: dice.chance(0.5),
    outcomes: ['delivered'],
    hangs: 0,
    poison: { share: 0.7, kind: 'retryable' },
    opens: 1,
    discards: false,
  };
}

/** Few keys with many dead letters, which people send again and give up all the time. */
function planPeople(dice: Dice): LanePlan {
  const plan = planFaults(dice);
  const deliveries = dice.between(3, 20);
  return {
    ...plan,
    rules: {
      ...plan.rules,
      retry: { ...plan.rules.retry, maxAttempts: dice.between(1, 2) },
      window: { deliveries, bytes: 1_000_000, deliveriesPerKey: dice.between(1, 4) },
    },
    events: 40,
    actions: 250,
    keys: dice.chance(0.5) ? ['', 'process-1'] : ['process-1'],
    distinctKeys: false,
    outcomes: ['delivered', 'delivered', 'permanent', 'retryable'],
    poison: { share: 0, kind: 'retryable' },
    hangs: dice.pick([0, 0.1]),
    pauses: false,
    replays: true,
    discards: dice.chance(0.5),
  };
}

function runtime(dice: Dice): ReadyRuntime {
  return {
    kind: 'ready',
    accepts: dice.chance(0.3) ? new Set([TAKEN_TYPE]) : 'all',
    concurrency: dice.between(1, 6),
    attemptTimeoutMs: dice.between(50, 1_000),
  };
}

const FAILURES: readonly OutcomeKind[] = ['retryable', 'throttled', 'permanent', 'misconfigured', 'crashed'];
const KEYS = ['process-1', 'process-2', 'policy-3', 'invoice-4'];

import type { BreakerPolicy } from '../../src/core/breaker-policy.ts';
import type { LaneRules } from '../../src/core/lane.ts';
import type { OutcomeKind } from '../../src/core/outcome.ts';
import type { ReadyRuntime } from '../../src/runtimes/runtime.ts';
import type { Dice } from '../dice.ts';

/** What one schedule of the whole hub is about: its seed decides which faults it knows, so that each is met alone. */
export interface HubPlan {
  readonly adapters: readonly [AdapterPlan, ...AdapterPlan[]];
  /** New events in all, and how much happens while they come. */
  readonly events: number;
  readonly actions: number;
  readonly keys: readonly [string, ...string[]];
  readonly payloadBytesMax: number;
  readonly readers: number;
  /** How often a reader that is at it goes away. */
  readonly disconnects: number;
  readonly duplicates: boolean;
  readonly pauses: boolean;
  readonly operators: boolean;
  readonly kills: boolean;
  readonly stops: boolean;
  readonly ioErrors: boolean;
  readonly fullDisks: boolean;
  readonly clockJumps: boolean;
  /** Leaps from timer to timer, so that schedules get past long waits. */
  readonly longWaits: boolean;
  /** How long a hub that stops waits for what runs. */
  readonly drainMs: number;
  /** How often the process is too busy for its timers. */
  readonly lateTimers: number;
  /** After a restart an adapter may be gone from the configuration, or back. */
  readonly reconfigures: boolean;
}

export interface AdapterPlan {
  readonly id: string;
  readonly runtime: ReadyRuntime;
  readonly rules: Omit<LaneRules, 'recoveredToSeq'>;
  readonly breaker: BreakerPolicy;
  /** How often it cannot be started. */
  readonly failsToStart: number;
  /** Its process ends now and then, with all attempts that run in it, and is started again. */
  readonly exits: boolean;
  /** It returns soon after its signal asks it to. */
  readonly heedsSignal: boolean;
  /** What attempts come to; a kind that is named twice comes twice as often. */
  readonly outcomes: readonly [Ending, ...Ending[]];
  readonly retryAfterMsMax: number;
  /** How often an attempt does not return before the schedule heals or its deadline passed. */
  readonly hangs: number;
}

/** How adapter code can end: with an outcome, or by throwing something, at once or later. */
export type Ending = Exclude<OutcomeKind, 'timed_out'> | 'throws' | 'rejects';

export const TAKEN_TYPE = 'ProcessUpdated';
export const OTHER_TYPE = 'NotForEveryAdapter';

const IDS = ['billing', 'records', 'scheduling'] as const;
const KEYS = ['process-1', 'process-2', 'policy-3'];
const FAILURES: readonly Ending[] = [
  'retryable',
  'retryable',
  'throttled',
  'permanent',
  'misconfigured',
  'crashed',
  'throws',
  'rejects',
];

export function planHub(dice: Dice): HubPlan {
  const [first, ...rest] = IDS.slice(0, dice.between(2, 3));
  const lateTimers = dice.pick([0, 0.3]);
  return {
    adapters: [planAdapter(first ?? IDS[0], dice), ...rest.map((id) => planAdapter(id, dice))],
    events: dice.between(1, 24),
    actions: dice.between(20, 200),
    keys: ['', ...KEYS.slice(0, dice.between(0, KEYS.length))],
    payloadBytesMax: dice.pick([0, 30, 100]),
    readers: dice.between(0, 3),
    disconnects: dice.pick([0, 0.1, 0.4]),
    duplicates: dice.chance(0.5),
    pauses: dice.chance(0.3),
    operators: dice.chance(0.4),
    kills: dice.chance(0.4),
    stops: dice.chance(0.25),
    ioErrors: dice.chance(0.2),
    fullDisks: dice.chance(0.2),
    clockJumps: dice.chance(0.3),
    longWaits: dice.chance(0.5),
    drainMs: dice.pick([200, 20_000]),
    lateTimers,
    reconfigures: dice.chance(0.15),
  };
}

function planAdapter(id: string, dice: Dice): AdapterPlan {
  const windowDeliveries = dice.chance(0.6) ? dice.between(1, 10) : 100;
  const failures = FAILURES.filter(() => dice.chance(0.3));
  const successes = new Array<Ending>(dice.between(0, 4)).fill('delivered');
  return {
    id,
    runtime: {
      kind: 'ready',
      accepts: dice.chance(0.2) ? new Set([TAKEN_TYPE]) : 'all',
      concurrency: dice.between(1, 5),
      attemptTimeoutMs: dice.between(50, 1_000),
    },
    rules: {
      retry: { baseMs: dice.between(1, 500), capMs: dice.between(500, 5_000), maxAttempts: dice.between(1, 5) },
      maxCrashes: dice.between(1, 3),
      onDeadLetter: dice.chance(0.3) ? 'hold' : 'continue',
      window: {
        deliveries: windowDeliveries,
        bytes: dice.pick([60, 1_000_000]),
        deliveriesPerKey: dice.between(1, Math.min(8, windowDeliveries)),
      },
    },
    breaker: {
      errorThresholdPercentage: dice.pick([1, 50, 99]),
      volumeThreshold: dice.pick([1, 3, 1_000]),
      windowMs: dice.pick([600, 60_000]),
      resetTimeoutMs: dice.pick([100, 15_000]),
    },
    failsToStart: dice.pick([0, 0, 0, 0.3]),
    exits: dice.chance(0.2),
    heedsSignal: dice.chance(0.5),
    outcomes: ['delivered', ...successes, ...failures],
    retryAfterMsMax: dice.pick([0, 1_000, 10_000_000]),
    hangs: dice.pick([0, 0, 0.1, 0.3]),
  };
}

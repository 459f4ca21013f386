import type { BreakerPolicy } from '../src/core/breaker-policy.ts';
import type { OnDeadLetter } from '../src/core/lane-messages.ts';
import type { LaneRules } from '../src/core/lane-state.ts';
import type { OutcomeKind } from '../src/core/outcome.ts';
import type { ReadyRuntime } from '../src/runtimes/runtime.ts';
import type { Rng } from './rng.ts';

/** What one schedule is about: its seed decides which faults it knows, so that each is also met alone. */
export interface HubPlan {
  readonly adapters: readonly [AdapterPlan, ...AdapterPlan[]];
  /** New events in all, and how many actions happen while they come. */
  readonly events: number;
  readonly actions: number;
  /** Events that come in one go, at the most. */
  readonly burst: number;
  readonly keys: readonly [string, ...string[]];
  /** Every event has a key of its own. */
  readonly distinctKeys: boolean;
  readonly sources: readonly [string, ...string[]];
  readonly payloadBytesMax: number;
  /** The share of events that fail at every attempt until they are cured. */
  readonly poison: number;
  readonly readers: number;
  /** How often a reader that reads goes away. */
  readonly disconnects: number;
  readonly duplicates: boolean;
  readonly pauses: boolean;
  readonly probes: boolean;
  readonly replays: boolean;
  readonly discards: boolean;
  readonly kills: boolean;
  readonly stops: boolean;
  /** Somebody else opens a lane, and then the hub again. */
  readonly takeovers: boolean;
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
  /** After a restart what a dead letter does to its key may have changed. */
  readonly changesHold: boolean;
}

export interface AdapterPlan {
  readonly id: string;
  /** The first version of the adapter, and what may be in its place after it ended and was started again. */
  readonly runtimes: readonly [ReadyRuntime, ...ReadyRuntime[]];
  readonly rules: LaneRules;
  readonly onDeadLetter: OnDeadLetter;
  readonly breaker: BreakerPolicy;
  /** How often it cannot be started. */
  readonly failsToStart: number;
  /** Its process ends now and then, with all attempts that run in it, and is started again. */
  readonly exits: boolean;
  /** It returns soon after its signal asks it to. */
  readonly heedsSignal: boolean;
  /** How attempts end; one that is named twice comes twice as often. */
  readonly endings: readonly [Ending, ...Ending[]];
  readonly retryAfterMsMax: number;
  /** How often an attempt does not return before the faults are over or its deadline passed. */
  readonly hangs: number;
  /** Code that hangs never returns, whatever happens: what waits for it is all that may stay undelivered. */
  readonly hangsForever: boolean;
  /** How a poisonous event fails. One that breaks the adapter takes all attempts with it that run beside it. */
  readonly poison: 'retryable' | 'crashed';
}

/** How adapter code can end: with an outcome, without having run, or by throwing something, at once or later. */
export type Ending = Exclude<OutcomeKind, 'timed_out'> | 'not_run' | 'throws' | 'rejects';

export const ACCEPTED_TYPE = 'ProcessUpdated';
export const OTHER_TYPE = 'NotForEveryAdapter';

const IDS = ['billing', 'records', 'scheduling'] as const;
const KEYS = ['process-1', 'process-2', 'policy-3', 'invoice-4'];
const FAILURES: readonly Ending[] = [
  'retryable',
  'retryable',
  'throttled',
  'permanent',
  'misconfigured',
  'crashed',
  'not_run',
  'throws',
  'rejects',
];
/** Endings that say that the adapter broke. */
const BREAKS: ReadonlySet<Ending> = new Set(['crashed', 'throws', 'rejects']);

export function planHub(rng: Rng): HubPlan {
  const plan = planKind(rng, planFaults(rng));
  return plan.poison === 0 ? plan : { ...plan, adapters: mapAdapters(plan, withShortWaits) };
}

function planKind(rng: Rng, plan: HubPlan): HubPlan {
  if (rng.chance(0.06)) return planPoison(rng, plan);
  if (rng.chance(0.15)) return planOperators(rng, plan);
  return rng.chance(0.1) ? planBacklog(rng, plan) : plan;
}

/** What is poisonous is tried all the time: no lane then waits for an hour, and all open breakers try again at one pace. */
function withShortWaits(adapter: AdapterPlan): AdapterPlan {
  const retryAfterMsMax = Math.min(adapter.retryAfterMsMax, 1_000);
  return { ...adapter, retryAfterMsMax, breaker: { ...adapter.breaker, resetTimeoutMs: 15_000 } };
}

function mapAdapters({ adapters }: HubPlan, map: (adapter: AdapterPlan) => AdapterPlan): HubPlan['adapters'] {
  const [first, ...rest] = adapters;
  return [map(first), ...rest.map(map)];
}

function planFaults(rng: Rng): HubPlan {
  const [first, ...rest] = IDS.slice(0, rng.pick([1, 2, 2, 3]));
  const hasOperators = rng.chance(0.5);
  return {
    adapters: [planAdapter(first ?? IDS[0], rng), ...rest.map((id) => planAdapter(id, rng))],
    events: rng.between(1, 30),
    actions: rng.between(20, 220),
    burst: 4,
    keys: ['', ...KEYS.slice(0, rng.between(0, KEYS.length))],
    distinctKeys: rng.chance(0.07),
    sources: rng.chance(0.3) ? ['sim', '', 'other'] : ['sim'],
    payloadBytesMax: rng.pick([0, 30, 100]),
    poison: rng.chance(0.2) ? 0.2 : 0,
    readers: rng.between(0, 3),
    disconnects: rng.pick([0, 0.1, 0.4]),
    duplicates: rng.chance(0.5),
    pauses: rng.chance(0.3),
    probes: hasOperators && rng.chance(0.5),
    replays: hasOperators && rng.chance(0.7),
    discards: hasOperators && rng.chance(0.5),
    kills: rng.chance(0.4),
    stops: rng.chance(0.25),
    takeovers: rng.chance(0.15),
    ioErrors: rng.chance(0.2),
    fullDisks: rng.chance(0.2),
    clockJumps: rng.chance(0.3),
    longWaits: rng.chance(0.5),
    drainMs: rng.pick([200, 20_000]),
    lateTimers: rng.pick([0, 0.3]),
    reconfigures: rng.chance(0.15),
    changesHold: rng.chance(0.2),
  };
}

function planAdapter(id: string, rng: Rng): AdapterPlan {
  const poison = rng.pick(['retryable', 'crashed'] as const);
  // Where an event breaks the adapter nothing else does: else nobody could say who is innocent.
  const failures = FAILURES.filter((ending) => rng.chance(0.3) && (poison === 'retryable' || !BREAKS.has(ending)));
  const successes = new Array<Ending>(rng.between(0, 4)).fill('delivered');
  const first = planRuntime(rng);
  return {
    id,
    runtimes: rng.chance(0.3) ? [first, planRuntime(rng)] : [first],
    rules: {
      retry: {
        baseMs: rng.between(1, 500),
        capMs: rng.between(500, 5_000),
        maxAttempts: rng.between(1, 5),
        ...(rng.chance(0.2) && { maxAgeMs: rng.between(300, 10_000) }),
      },
      maxCrashes: rng.between(1, 3),
      prefetch: { deliveries: rng.chance(0.7) ? rng.between(1, 6) : 64, bytes: rng.pick([1, 60, 200, 1_000_000]) },
    },
    onDeadLetter: rng.chance(0.35) ? 'hold' : 'continue',
    breaker: {
      errorThresholdPercentage: rng.pick([1, 50, 99]),
      volumeThreshold: rng.pick([1, 3, 1_000]),
      windowMs: rng.pick([600, 60_000]),
      resetTimeoutMs: rng.pick([100, 15_000]),
    },
    failsToStart: rng.pick([0, 0, 0, 0.3]),
    exits: rng.chance(0.25) && poison === 'retryable',
    heedsSignal: rng.chance(0.5),
    endings: ['delivered', ...successes, ...failures],
    retryAfterMsMax: rng.pick([0, 1_000, 10_000_000]),
    hangs: rng.pick([0, 0, 0.1, 0.3]),
    hangsForever: rng.chance(0.2),
    poison,
  };
}

function planRuntime(rng: Rng): ReadyRuntime {
  return {
    kind: 'ready',
    accepts: rng.chance(0.25) ? new Set([ACCEPTED_TYPE]) : 'all',
    concurrency: rng.between(1, 6),
    attemptTimeoutMs: rng.between(50, 1_000),
  };
}

/** Many events that always fail, each of which may open the breaker, and good ones behind them. */
function planPoison(rng: Rng, plan: HubPlan): HubPlan {
  const adapters = mapAdapters(plan, (adapter) => {
    return {
      ...adapter,
      rules: {
        ...adapter.rules,
        retry: { baseMs: 100, capMs: 5_000, maxAttempts: 1_000 },
        prefetch: { deliveries: rng.between(1, 8), bytes: 1_000_000 },
      },
      onDeadLetter: 'continue',
      endings: ['delivered'],
      hangs: 0,
      poison: 'retryable',
    };
  });
  return {
    ...plan,
    adapters,
    events: 40,
    distinctKeys: rng.chance(0.5),
    poison: 0.7,
    discards: false,
    changesHold: false,
  };
}

/** Few keys with many dead letters, which operators replay and discard all the time. */
function planOperators(rng: Rng, plan: HubPlan): HubPlan {
  const adapters = mapAdapters(plan, (adapter) => {
    return {
      ...adapter,
      rules: {
        ...adapter.rules,
        retry: { ...adapter.rules.retry, maxAttempts: rng.between(1, 2) },
        prefetch: { deliveries: rng.between(1, 8), bytes: 1_000_000 },
      },
      endings: ['delivered', 'delivered', 'permanent', 'retryable'],
      hangs: rng.pick([0, 0.1]),
    };
  });
  return {
    ...plan,
    adapters,
    events: 30,
    actions: 250,
    keys: rng.chance(0.5) ? ['', 'process-1'] : ['process-1'],
    distinctKeys: false,
    poison: 0,
    pauses: rng.chance(0.2),
    replays: true,
    probes: rng.chance(0.3),
    discards: rng.chance(0.5),
    kills: rng.chance(0.6),
  };
}

/** Far more waits than the lanes hold in memory. */
function planBacklog(rng: Rng, plan: HubPlan): HubPlan {
  const adapters = mapAdapters(plan, (adapter) => {
    const prefetch = { deliveries: rng.between(1, 3), bytes: rng.pick([1, 1_000_000]) };
    return { ...adapter, rules: { ...adapter.rules, prefetch }, endings: [...adapter.endings, 'delivered'] };
  });
  return {
    ...plan,
    adapters,
    events: rng.between(50, 90),
    actions: 150,
    burst: 30,
    distinctKeys: rng.chance(0.3),
    readers: Math.min(plan.readers, 1),
  };
}

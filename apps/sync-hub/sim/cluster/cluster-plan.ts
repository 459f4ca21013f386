import type { Rng } from '../rng.ts';

/** What one schedule is about: its seed decides which faults it knows, so that each is also met alone. */
export interface ClusterPlan {
  readonly machines: readonly MachinePlan[];
  readonly lanes: readonly LanePlan[];
  readonly faults: readonly FaultKind[];
  /** How long there are faults, and how long there is none between two, on average. */
  readonly faultyMs: number;
  readonly faultEveryMs: number;
  /** How often an answer is lost with its connection, and a request. */
  readonly lostAnswers: number;
  readonly lostRequests: number;
  /** How often a driver sends a request twice and reports the second answer. */
  readonly repeatedRequests: number;
  /** How often a request or an answer takes up to seconds. */
  readonly late: number;
  /** How often a claim waits for a lock. */
  readonly lateClaims: number;
  /** How long faults last, from and to; each range as often as the others. */
  readonly durations: readonly [DurationRange, ...DurationRange[]];
  /** After the faults it is also checked that the lanes are spread evenly, which takes minutes. */
  readonly isBalanced: boolean;
}

export type DurationRange = readonly [fromMs: number, toMs: number];

export interface MachinePlan {
  readonly name: string;
  /** How fast its clocks run; 1 is right. */
  readonly rate: number;
  readonly canRun: ReadonlySet<string>;
}

export interface LanePlan {
  readonly adapter: string;
  readonly attemptTimeoutMs: number;
}

export type FaultKind = (typeof FAULTS)[number];

const FAULTS = [
  ...(['freeze', 'suspend', 'kill', 'stop', 'cut', 'slow', 'terminate'] as const),
  ...(['database down', 'database hangs', 'failover', 'clock jump', 'forget'] as const),
];

const ADAPTERS = ['billing', 'records', 'scheduling', 'lab', 'pharmacy', 'imaging'];

/** Many are about as long as a lane waits for its owner. */
const DURATIONS: ClusterPlan['durations'] = [
  [100, 3_000],
  [3_000, 12_000],
  [14_000, 24_000],
  [20_000, 60_000],
];

export function planCluster(rng: Rng): ClusterPlan {
  const plan = planFaults(rng);
  return rng.chance(0.08) ? planEdge(rng, plan) : plan;
}

/** A hub with a slow clock is out of reach for about as long as the others, whose clocks are fast, wait for it. */
function planEdge(rng: Rng, plan: ClusterPlan): ClusterPlan {
  const canRun = new Set(plan.lanes.map(({ adapter }) => adapter));
  return {
    ...plan,
    machines: plan.machines.map((machine, index) => ({ ...machine, rate: index === 0 ? 0.97 : 1.03, canRun })),
    lanes: plan.lanes.map((lane) => ({ ...lane, attemptTimeoutMs: 10_000 })),
    faults: rng.chance(0.5) ? ['slow'] : ['cut'],
    faultEveryMs: 20_000,
    lostAnswers: 0,
    lostRequests: 0,
    late: 0,
    lateClaims: 0.5,
    durations: [[16_500, 22_000]],
  };
}

function planFaults(rng: Rng): ClusterPlan {
  const timeouts = rng.chance(0.05) ? ([10_000, 60_000] as const) : ([10_000, 10_000, 1_000, 20_000] as const);
  const lanes = ADAPTERS.slice(0, rng.between(1, ADAPTERS.length)).map((adapter) => {
    return { adapter, attemptTimeoutMs: rng.pick(timeouts) };
  });
  const canRunAll = rng.chance(0.7);
  const machines = Array.from({ length: rng.between(2, 4) }, (_, number) => {
    const canRun = lanes.filter(() => canRunAll || rng.chance(0.7)).map(({ adapter }) => adapter);
    return { name: `machine-${number + 1}`, rate: rng.pick([0.97, 0.97, 1, 1.03, 1.03]), canRun: new Set(canRun) };
  });
  const share = rng.pick([0.15, 0.4, 0.8]);
  return {
    machines,
    lanes,
    faults: FAULTS.filter(() => rng.chance(share)),
    faultyMs: rng.between(40_000, 120_000),
    faultEveryMs: rng.pick([2_000, 6_000, 20_000]),
    lostAnswers: rng.pick([0, 0, 0.02, 0.1]),
    lostRequests: rng.pick([0, 0, 0.02, 0.1]),
    repeatedRequests: rng.pick([0, 0.1]),
    late: rng.pick([0, 0, 0.1, 0.3]),
    lateClaims: rng.pick([0, 0, 0.3]),
    durations: DURATIONS,
    isBalanced: rng.chance(0.06),
  };
}

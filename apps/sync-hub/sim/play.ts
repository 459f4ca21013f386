import { Cluster } from './cluster/cluster.ts';
import { playCluster } from './cluster/cluster-schedule.ts';
import { Recovery } from './recovery.ts';
import { replaceGlobals } from './time.ts';
import { HubWorld } from './world.ts';

/** One whole hub; and several hubs that share a database, with the rules of ownership alone. */
export type SimulationName = (typeof SIMULATIONS)[number];

export const SIMULATIONS = ['hub', 'cluster'] as const;

/** One seed's faults, and what they meet. */
interface Schedule {
  /** Actions or steps so far. */
  steps(): number;
  /** Ends at a broken promise, with an error that names it. */
  play(): Promise<unknown>;
}

/** A schedule that broke a promise. */
export interface Violation {
  readonly seed: number;
  readonly promise: string;
}

export interface Played {
  /** The first schedule that broke a promise; undefined when none did. */
  readonly violation: Violation | undefined;
  /** Actions, after each of which every promise was checked. */
  readonly steps: number;
}

/**
 * Plays a schedule to its end.
 *
 * @returns what was met and how often, in the order in which it was first met
 * @throws {Error} that names the promise that was broken
 */
export async function playSchedule(world: HubWorld): Promise<ReadonlyMap<string, number>> {
  const { time, trace, rng, plan, health } = world;
  const restoreGlobals = replaceGlobals(time);
  const onFault = (fault: unknown) =>
    trace.must(false, `the hub has no fault of its own: ${fault instanceof Error ? fault.stack : fault}`);
  process.on('unhandledRejection', onFault);
  try {
    await world.restart(world.adapters);
    const actions = world.createActions();
    for (let count = plan.actions; count > 0; count -= 1) await world.act(() => rng.pick(actions)?.());
    health.isHealed = true;
    await new Recovery(world).run();
  } finally {
    world.end();
    process.off('unhandledRejection', onFault);
    restoreGlobals();
  }
  return trace.met;
}

/** Plays each seed from one on. Ends at a violation. */
export async function playUntilViolation(
  simulation: SimulationName,
  firstSeed: number,
  schedules: number,
): Promise<Played> {
  let steps = 0;
  for (let seed = firstSeed; seed < firstSeed + schedules; seed += 1) {
    const schedule = createSchedule(simulation, seed);
    try {
      await schedule.play();
    } catch (error) {
      const promise = error instanceof Error ? error.message : String(error);
      return { violation: { seed, promise }, steps: steps + schedule.steps() };
    }
    steps += schedule.steps();
  }
  return { violation: undefined, steps };
}

/** Plays one schedule and prints what happens in it, line by line. */
export async function trace(simulation: SimulationName, seed: number, print: (line: string) => void): Promise<void> {
  try {
    await createSchedule(simulation, seed, print).play();
  } catch (error) {
    print(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

function createSchedule(simulation: SimulationName, seed: number, print?: (line: string) => void): Schedule {
  if (simulation === 'hub') {
    const world = new HubWorld(seed, print);
    return { play: () => playSchedule(world), steps: () => world.steps };
  }
  const cluster = new Cluster(seed, print);
  return { play: async () => playCluster(cluster), steps: () => cluster.steps };
}

import { Recovery } from './recovery.ts';
import { replaceGlobals } from './time.ts';
import { HubWorld } from './world.ts';

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
export async function playUntilViolation(firstSeed: number, schedules: number): Promise<Played> {
  let steps = 0;
  for (let seed = firstSeed; seed < firstSeed + schedules; seed += 1) {
    const world = new HubWorld(seed);
    try {
      await playSchedule(world);
    } catch (error) {
      const promise = error instanceof Error ? error.message : String(error);
      return { violation: { seed, promise }, steps: steps + world.steps };
    }
    steps += world.steps;
  }
  return { violation: undefined, steps };
}

/** Plays one schedule and prints what happens in it, line by line. */
export async function trace(seed: number, print: (line: string) => void): Promise<void> {
  try {
    await playSchedule(new HubWorld(seed, print));
  } catch (error) {
    print(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

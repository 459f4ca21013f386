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

/** Plays each seed from one on. Ends at a violation. */
export async function playUntilViolation(firstSeed: number, schedules: number): Promise<Played> {
  let steps = 0;
  for (let seed = firstSeed; seed < firstSeed + schedules; seed += 1) {
    const world = new HubWorld(seed);
    try {
      await world.run();
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
    await new HubWorld(seed, print).run();
  } catch (error) {
    print(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

import { HubWorld } from './hub/world.ts';
import { LaneWorld } from './lane/world.ts';

/** A schedule that broke a promise. */
export interface Violation {
  readonly seed: number;
  /** Where it was broken. */
  readonly world: 'lane' | 'hub';
  readonly promise: string;
}

export interface Played {
  /** The first schedule that broke a promise; undefined when none did. */
  readonly violation: Violation | undefined;
  /** Things that happened, after each of which every promise was looked at. */
  readonly steps: number;
}

/** Plays each seed from one on: one lane by itself, where every step is seen, and a whole hub. Ends at a violation. */
export async function playUntilViolation(firstSeed: number, schedules: number): Promise<Played> {
  let steps = 0;
  for (let seed = firstSeed; seed < firstSeed + schedules; seed += 1) {
    const hub = new HubWorld(seed);
    let world: Violation['world'] = 'lane';
    try {
      steps += countInputs(new LaneWorld(seed).run());
      world = 'hub';
      await hub.run();
    } catch (error) {
      const promise = error instanceof Error ? error.message : String(error);
      return { violation: { seed, world, promise }, steps: steps + hub.steps };
    }
    steps += hub.steps;
  }
  return { violation: undefined, steps };
}

/** What a lane was told, each of which is one step of its core; the rest of what was met is what it did. */
const INPUTS = new Set(['arrived', 'fetched', 'recorded', 'breaker_changed', 'runtime_changed', 'paused', 'resumed']);

function countInputs(met: ReadonlyMap<string, number>): number {
  const inputs = [...met].filter(([what]) => INPUTS.has(what) || what === 'time_passed' || what.startsWith('ended '));
  return inputs.reduce((sum, [, count]) => sum + count, 0);
}

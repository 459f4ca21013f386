import { LaneWorld } from './lane-world.ts';

/** A schedule that broke a promise. */
export interface Violation {
  readonly seed: number;
  readonly promise: string;
}

/** Plays schedules from a seed on until one breaks a promise; undefined when none did. */
export function playUntilViolation(firstSeed: number, schedules: number): Violation | undefined {
  for (let seed = firstSeed; seed < firstSeed + schedules; seed += 1) {
    try {
      new LaneWorld(seed).run();
    } catch (error) {
      return { seed, promise: error instanceof Error ? error.message : String(error) };
    }
  }
  return undefined;
}

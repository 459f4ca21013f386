import type { LaneState } from './lane.ts';
import type { LaneEffect } from './lane-effect.ts';

/** One step in the making: the state it changes, the time it happens at, the effects it gathers. */
export interface StepContext {
  readonly state: LaneState;
  readonly nowMs: number;
  readonly effects: LaneEffect[];
}

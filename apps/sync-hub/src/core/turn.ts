import type { LaneState } from './lane.ts';
import type { LaneEffect } from './lane-effect.ts';

/** One step in the making: the state it changes, the time it happens at, the effects it gathers. */
export interface Turn {
  readonly state: LaneState;
  readonly nowMs: number;
  readonly effects: LaneEffect[];
  /** Deadlines passed in this step: nothing begins before the breaker has heard of them. */
  deadlinesPassed: boolean;
}

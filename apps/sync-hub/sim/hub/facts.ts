import type { BreakerCondition } from '../../src/core/lane.ts';
import type { ReplayStanding } from '../replay.ts';
import type { HubModel } from './model.ts';
import type { VirtualTime } from './time.ts';

/** How one life of the hub stands, as those outside know it without asking its lanes. */
export interface HubFacts {
  readonly time: VirtualTime;
  /** What it has heard of. */
  readonly told: HubModel;
  /** Of each adapter that is configured in this life. */
  readonly lanes: Map<string, HubLaneFacts>;
  /** What was replayed in this life, by "seq at adapter". */
  readonly replayed: Map<string, ReplayStanding>;
  /** It was asked to end. */
  isStopping: boolean;
  /** Its lanes were told to let go. */
  isClosed: boolean;
  /** Killed, or ended: nothing of it counts any more. */
  isOver: boolean;
  /** Writing failed. */
  hasFailed: boolean;
}

export interface HubLaneFacts {
  /** What the breaker says at this moment. */
  readonly condition: () => BreakerCondition;
  /** Its adapter takes deliveries. */
  isReady: boolean;
  isPaused: boolean;
  /** A person asked for one delivery, whatever holds the lane. */
  isAsked: boolean;
  /** What its last transition led to, once the lane has acted on it. */
  breaker: BreakerCondition;
  /** Deliveries let through since the breaker is half open; 0 while it is not. */
  probes: number;
  /** Deliveries with an attempt whose failure counts, since the breaker was last closed. */
  readonly failed: Set<number>;
}

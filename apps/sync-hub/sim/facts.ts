import type { BreakerCondition } from '../src/core/lane-messages.ts';
import type { LaneRules } from '../src/core/lane-state.ts';
import type { AttemptEnd } from '../src/core/outcome.ts';
import type { DeliveryAttempt, ReadyRuntime } from '../src/runtimes/runtime.ts';
import type { JournalModel } from './model/model.ts';
import type { AdapterPlan } from './plan.ts';
import type { VirtualTime } from './time.ts';

/** What is true of one life of the hub, as those outside know it without asking its lanes. */
export interface HubFacts {
  readonly time: VirtualTime;
  /** What is on disk. */
  readonly disk: JournalModel;
  /** What it knows of. */
  readonly reported: JournalModel;
  /** Of each adapter that is configured in this life. */
  readonly lanes: Map<string, LaneFacts>;
  /** What operators asked and have no answer to. */
  readonly unanswered: Set<Promise<unknown>>;
  /** It was asked to end. */
  isStopping: boolean;
  /** Its lanes let go. */
  isClosed: boolean;
  /** Killed, or ended: nothing of it counts any more. */
  isOver: boolean;
  /** Writing failed. */
  hasFailed: boolean;
}

/** Of a lane from when it is opened until it is lost or its process ends. Times are those of the simulation. */
export interface LaneFacts {
  readonly plan: AdapterPlan;
  readonly rules: LaneRules;
  readonly epoch: number;
  /** What the breaker reports at this moment. */
  readonly condition: () => BreakerCondition;
  /** The version of the adapter that runs, or ran last. */
  runtime: ReadyRuntime;
  /** It began an attempt: what its breaker was before a restart, it has been again. */
  hasBegun: boolean;
  /** It has run before, so that its lane knows what it accepts. */
  hasRun: boolean;
  /** Its adapter accepts deliveries. */
  isReady: boolean;
  isPaused: boolean;
  /** It heard that somebody else opened it. */
  isLost: boolean;
  /** It was closed: what it had begun is not waited for. */
  isClosed: boolean;
  /** Operators who want one delivery let through and have no answer yet. */
  readonly probes: ProbeRequest[];
  /** What the last transition of its breaker led to, once the lane has acted on it. */
  breaker: BreakerCondition;
  /** Deliveries let through since the breaker is half open; 0 while it is not. */
  halfOpenBegun: number;
  breakerClosedAtMs: number;
  /** Deliveries with an attempt whose failure counts, since the breaker was last closed. */
  readonly failed: Set<number>;
  /** Attempts that may run at a time after trouble: one, and one more for each success since. */
  ramp: number;
  /** Not before this, and no later than this: the lane adds its own backoff to what it was asked. */
  throttledUntilMs: number;
  throttledAtMostUntilMs: number;
  /** The adapter broke while it had these and others; none has had an attempt since that ended otherwise. */
  readonly suspects: Set<number>;
  /** A deadline passed in this very step, and the breaker did not learn of it. */
  isExpiring: boolean;
  /** Records that were requested and that the lane does not know of. */
  readonly recording: Set<number>;
  /** Heads that it gives back, by seq: how many answers about them are to come. */
  readonly givingBack: Map<number, number>;
  /** What operators discard and have no answer about: nothing of it is begun. */
  readonly discarding: Set<number>;
}

export interface ProbeRequest {
  /** What began because of it; undefined so far, or when what began would have begun without it. */
  begun: number | undefined;
}

/** One call of adapter code. Times are those of the simulation. */
export interface Call {
  readonly adapter: string;
  readonly attempt: DeliveryAttempt;
  readonly cycle: number;
  readonly startedAtMs: number;
  readonly deadlineAtMs: number;
  readonly signal: AbortSignal;
  /** It does not return while there are faults and its signal is not aborted. */
  readonly hangs: boolean;
  readonly isPoison: boolean;
  /** The breaker was half open. */
  readonly isHalfOpen: boolean;
  /** The lane that made it. */
  readonly lane: LaneFacts;
  /** How the code returns, or throws. */
  readonly answer: PromiseWithResolvers<AttemptEnd>;
  /** An operator asked for it. */
  isAsked: boolean;
  /** How it ended; undefined while it runs, and for ever when its process died. */
  end: AttemptEnd | undefined;
}

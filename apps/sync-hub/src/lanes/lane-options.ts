import type { BreakerPolicy } from '../core/breaker-policy.ts';
import type { PauseCause } from '../core/lane-messages.ts';
import type { LaneRules } from '../core/lane-state.ts';
import type { Journal, OpenedLane } from '../journal/journal.ts';
import type { Runtime, RuntimeStart } from '../runtimes/runtime.ts';
import type { BreakerReport } from './breaker.ts';
import type { Clock } from './clock.ts';

/** What a lane is made of. */
export interface LaneOptions {
  /** `version`: the one that it begins with, which `runtime` runs. */
  readonly adapter: { readonly id: string; readonly package: string; readonly version: string };
  readonly runtime: Runtime;
  /** What the operator set takes precedence over what the adapter asks for. */
  readonly delivery: { readonly concurrency?: number | undefined; readonly timeoutMs?: number | undefined };
  readonly rules: LaneRules;
  /** After a dead letter the later events of its key wait, in the journal. */
  readonly holdsKeys: boolean;
  readonly breakerPolicy: BreakerPolicy;
  readonly journal: Pick<
    Journal,
    'record' | 'readReady' | 'readHead' | 'giveBack' | 'endWaits' | 'discard' | 'saveBreaker'
  >;
  /** What the journal answered when the lane was opened. */
  readonly opened: OpenedLane;
  readonly clock: Clock;
  /** Where the generator for jitter begins. */
  readonly seed: number;
  /** Called when what holds the whole lane is not what it was. */
  readonly onGateChange: (adapter: string) => void;
  /** Called when health() would say something new about state or breaker. */
  readonly onChange: () => void;
  /** Called on every transition of the breaker, for the log. */
  readonly onBreakerChange?: (breaker: BreakerReport) => void;
  /** Called when the adapter is ready, has failed, or is started again, for the log. */
  readonly onRuntimeChange?: (start: RuntimeStart) => void;
  /** Called when the lane paused itself, for the log. */
  readonly onPause?: (cause: PauseCause) => void;
  /** Called when the lane belongs to somebody else from now on, for the log. */
  readonly onLost?: () => void;
}

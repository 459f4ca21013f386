import type { BreakerPolicy } from '../core/breaker-policy.ts';
import type { HeldDelivery } from '../core/held-delivery.ts';
import type { DeadLetterOfKey } from '../core/held-keys.ts';
import type { LaneRules, PauseCause } from '../core/lane.ts';
import type { Runtime, RuntimeStart } from '../runtimes/runtime.ts';
import type { BreakerReport } from './breaker.ts';
import type { Clock } from './clock.ts';
import type { LaneJournalOptions } from './lane-journal.ts';

/** What a lane is made of. */
export interface LaneOptions {
  /** `version`: the one that it begins with, which `runtime` runs. */
  readonly adapter: { readonly id: string; readonly package: string; readonly version: string };
  readonly runtime: Runtime;
  /** What the operator set goes before what the adapter asks for. */
  readonly delivery: { readonly concurrency?: number | undefined; readonly timeoutMs?: number | undefined };
  readonly rules: LaneRules;
  readonly breakerPolicy: BreakerPolicy;
  readonly journal: LaneJournalOptions['journal'];
  readonly clock: Clock;
  /** Where the generator for jitter begins. */
  readonly seed: number;
  /** The newest event in the journal. */
  readonly newestSeq: number;
  readonly totals: { readonly unsettled: number; readonly deadLetters: number };
  /** The dead letters in the journal that hold their keys; absent: none. Without `onDeadLetter: hold` they hold none. */
  readonly deadLetters?: readonly DeadLetterOfKey[];
  /** As a person left it paused when the hub stopped; absent: not paused. */
  readonly pause?: { readonly reason: string } | undefined;
  /** Told of deliveries that may not be attempted now. */
  readonly onHeld: (held: HeldDelivery) => void;
  /** Called when health() would say something new about state or breaker. */
  readonly onChange: () => void;
  /** Called on every transition of the breaker, for the log. */
  readonly onBreakerChange?: (breaker: BreakerReport) => void;
  /** Called when the adapter is ready, has failed, or is started again, for the log. */
  readonly onRuntimeChange?: (start: RuntimeStart) => void;
  /** Called when the lane paused itself, for the log. */
  readonly onPause?: (cause: PauseCause) => void;
}

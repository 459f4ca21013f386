import type { StoredBreaker } from '../../src/journal/journal.ts';
import type { BreakerReport } from '../../src/lanes/breaker.ts';
import type { Lane } from '../../src/lanes/lane.ts';
import type { HubFacts, LaneFacts } from '../facts.ts';
import type { Trace } from '../trace.ts';
import type { OutcomeOracle } from './outcome-oracle.ts';

export interface BreakerOracleOptions {
  readonly trace: Trace;
  readonly facts: HubFacts;
}

/** Observes what a lane's breaker reports, and holds it to that. */
export class BreakerOracle {
  readonly #options: BreakerOracleOptions;

  constructor(options: BreakerOracleOptions) {
    this.#options = options;
  }

  see(lane: LaneFacts, outcomes: OutcomeOracle, { condition }: BreakerReport): void {
    const { facts, trace } = this.#options;
    if (facts.isOver || lane.isClosed) return;
    const { id, breaker: policy } = lane.plan;
    const from = lane.breaker;
    trace.must(!lane.isLost, `the breaker of ${id} is reported by the owner of its lane alone`);
    trace.meet(`breaker ${condition}`);
    trace.must(isNext(from, condition), `the breaker of ${id} does not go from ${from} to ${condition}`);
    if (from === 'closed' && lane.hasBegun) {
      const enough = (policy.errorThresholdPercentage / 100) * policy.volumeThreshold;
      const isEnough = lane.failed.size > enough || lane.failed.size >= 5;
      trace.must(isEnough, `the breaker of ${id} opens by different deliveries that failed`);
    }
    if (condition === 'closed') {
      lane.failed.clear();
      lane.breakerClosedAtMs = facts.time.nowMs;
      lane.ramp = 1;
    } else {
      outcomes.seeOutage();
    }
    // The probe began as the lane acted on the transition, before it is reported here.
    if (condition !== 'half_open') lane.halfOpenBegun = 0;
    lane.breaker = condition;
  }

  /** A breaker that was not closed is open again, for the reason that it had. */
  checkRestored(lane: Lane, stored: StoredBreaker | undefined): void {
    const { condition, cause } = lane.health().breaker;
    const isKept =
      stored === undefined || stored.state === 'closed'
        ? condition === 'closed'
        : condition !== 'closed' && (condition === 'half_open' || cause === stored.cause);
    this.#options.trace.must(isKept, `the breaker of ${lane.adapter.id} is as it was before the restart`);
  }
}

function isNext(from: LaneFacts['breaker'], to: LaneFacts['breaker']): boolean {
  return { closed: 'open', open: 'half_open', half_open: 'open or closed' }[from].split(' or ').includes(to);
}

import type { StoredBreaker } from '../../src/journal/journal.ts';
import type { BreakerReport } from '../../src/lanes/breaker.ts';
import type { Lane } from '../../src/lanes/lane.ts';
import type { Chronicle } from './chronicle.ts';
import type { HubFacts, HubLaneFacts } from './facts.ts';

import type { AdapterPlan } from './plan.ts';

export interface LaneWatchOptions {
  readonly chronicle: Chronicle;
  readonly facts: HubFacts;
}

/** Hears what lanes say of themselves, and holds them to it. */
export class LaneWatch {
  readonly #options: LaneWatchOptions;
  /** Set while a breaker is opened again as it was before a restart. */
  restoring: StoredBreaker | undefined;

  constructor(options: LaneWatchOptions) {
    this.#options = options;
  }

  seePause(adapter: string): void {
    const { chronicle, facts } = this.#options;
    chronicle.meet('lane paused itself');
    const lane = facts.lanes.get(adapter);
    if (lane !== undefined) lane.isPaused = true;
  }

  seeBreaker({ id, breaker: policy }: AdapterPlan, { condition }: BreakerReport): void {
    const { facts, chronicle } = this.#options;
    const lane = facts.lanes.get(id);
    if (lane === undefined || facts.isOver) return;
    const from = lane.breaker;
    chronicle.meet(`breaker ${condition}`);
    chronicle.must(isNext(from, condition), `the breaker of ${id} does not go from ${from} to ${condition}`);
    if (from === 'closed' && this.restoring === undefined) this.#checkOpening(id, lane, policy);
    if (condition === 'closed') lane.failed.clear();
    // The probe began as the lane acted on the transition, before it is told here.
    if (condition !== 'half_open') lane.probes = 0;
    lane.breaker = condition;
  }

  /** A breaker that was not closed is open again, for the reason that it had. */
  checkRestored(lane: Lane): void {
    const { condition, cause } = lane.health().breaker;
    const isKept = condition === 'open' && cause === this.restoring?.cause;
    this.#options.chronicle.must(isKept, `the breaker of ${lane.adapter.id} is as it was before the restart`);
    this.restoring = undefined;
  }

  checkHealth(lane: Lane): void {
    const { chronicle, facts } = this.#options;
    const { id } = lane.adapter;
    const { waiting, deadLetters, breaker } = lane.health();
    const { unsettled, deadLetters: expected } = facts.told.totalsOf(id);
    chronicle.must(waiting === unsettled, `${id} says that ${unsettled} wait, not ${waiting}`);
    chronicle.must(deadLetters === expected, `${id} has ${expected} dead letters, not ${deadLetters}`);
    const known = facts.lanes.get(id)?.breaker;
    chronicle.must(breaker.condition === known, `${id} says that its breaker is ${known}, not ${breaker.condition}`);
  }

  #checkOpening(id: string, { failed }: HubLaneFacts, policy: AdapterPlan['breaker']): void {
    const enough = (policy.errorThresholdPercentage / 100) * policy.volumeThreshold;
    this.#options.chronicle.must(
      failed.size > enough || failed.size >= 5,
      `the breaker of ${id} opens by different deliveries that failed`,
    );
  }
}

function isNext(from: HubLaneFacts['breaker'], to: HubLaneFacts['breaker']): boolean {
  return { closed: 'open', open: 'half_open', half_open: 'open or closed' }[from].split(' or ').includes(to);
}

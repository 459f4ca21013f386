import type { Gates } from '../../src/acks/followed-events.ts';
import type { HeldBy } from '../../src/core/lane-messages.ts';
import type { HubFacts } from '../facts.ts';
import type { Trace } from '../trace.ts';
import type { CallOracle } from './call-oracle.ts';

export interface HeldOracleOptions {
  readonly gates: Gates;
  readonly facts: HubFacts;
  readonly trace: Trace;
  readonly calls: ReadonlyMap<string, CallOracle>;
}

/** Asks the lanes what holds a delivery, for the acks, and holds the answer to what those outside know. */
export class HeldOracle implements Gates {
  readonly #options: HeldOracleOptions;

  constructor(options: HeldOracleOptions) {
    this.#options = options;
  }

  heldBy(adapter: string, event: { readonly seq: number; readonly key: string }): HeldBy | undefined {
    const { gates, facts, trace } = this.#options;
    const heldBy = gates.heldBy(adapter, event);
    if (facts.isOver) return heldBy;
    const what = `event ${event.seq} at ${adapter}`;
    if (heldBy !== undefined) {
      trace.meet(`held by ${heldBy}`);
      trace.must(this.#isTrue(adapter, event, heldBy), `${heldBy} holds ${what}`);
      return heldBy;
    }
    const lane = facts.lanes.get(adapter);
    const stored = facts.disk.delivery(event.seq, adapter);
    // An outcome that the breaker knows of and the lane has not is on its way to the lane.
    const isRunning = this.#options.calls
      .get(adapter)
      ?.of(event.seq)
      .some((call) => call.lane === lane && call.cycle === stored?.cycle && call.attempt.number > stored.attempts);
    const isBusy = isRunning === true || lane?.recording.has(event.seq) === true;
    const isShut = lane === undefined || lane.isLost || !lane.isReady || lane.isPaused || lane.condition() === 'open';
    trace.must(isBusy || !isShut, `${what} is held while its lane makes no attempts`);
    return heldBy;
  }

  holdsKeys(adapter: string): boolean {
    return this.#options.gates.holdsKeys(adapter);
  }

  #isTrue(adapter: string, { key }: { readonly key: string }, heldBy: HeldBy): boolean {
    const { facts } = this.#options;
    const lane = facts.lanes.get(adapter);
    if (lane === undefined || lane.isLost) return heldBy === 'not_ready';
    switch (heldBy) {
      case 'not_ready':
        return !lane.isReady;
      case 'paused':
        return lane.isPaused;
      case 'breaker':
        return lane.condition() !== 'closed';
      case 'throttled':
        // The record that says how long may be requested a moment later.
        return (
          lane.throttledAtMostUntilMs > facts.time.nowMs ||
          this.#options.calls.get(adapter)?.throttledAtMs === facts.time.nowMs
        );
      case 'key':
        // A lane that is closed lets its calls go, and is notified of their ends no longer.
        return key !== '' || lane.isClosed || [...(this.#options.calls.get(adapter)?.live ?? [])].length > 0;
      default:
        return heldBy satisfies never;
    }
  }
}

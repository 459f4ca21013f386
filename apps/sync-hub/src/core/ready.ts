import type { AcceptedEvent } from './event.ts';
import type { LaneDelivery } from './lane.ts';
import { Queue } from './queue.ts';

/**
 * While the breaker is half open, so many that were never tried go before one that failed: one of them may be what gets
 * an answer, but those that failed in an outage must not wait until nothing new comes.
 */
const FRESH_PROBES_IN_A_ROW = 7;

/** One delivery is let through. */
export interface ProbeChoice {
  /** What failed last: another key is tried, if there is one. */
  readonly insteadOf: Pick<AcceptedEvent, 'key' | 'seq'> | undefined;
}

/**
 * The deliveries that may go, and which of them goes next. Those that were never tried and those that failed before
 * take turns, so that neither waits for ever behind the other.
 */
export class Ready {
  readonly #fresh = new Queue<LaneDelivery>();
  readonly #tried = new Queue<LaneDelivery>();
  /** The adapter broke while it had them and others: each goes when nothing else runs. */
  readonly #suspects = new Queue<LaneDelivery>();
  #freshInARow = 0;

  get size(): number {
    return this.#fresh.size + this.#tried.size + this.#suspects.size;
  }

  get hasFresh(): boolean {
    return this.#fresh.size > 0;
  }

  get hasSuspect(): boolean {
    return this.#suspects.size > 0;
  }

  push(delivery: LaneDelivery): void {
    if (delivery.isSuspect) this.#suspects.push(delivery);
    else if (delivery.counts.attempts > 0) this.#tried.push(delivery);
    else this.#fresh.push(delivery);
  }

  /** True when something is ready that is not of the key that failed last. */
  hasProbe(failedLast: ProbeChoice['insteadOf']): boolean {
    if (this.hasSuspect || this.hasFresh) return true;
    for (const delivery of this.#tried) if (!isOfKey(delivery, failedLast)) return true;
    return false;
  }

  /** The one that goes next, suspects before the others; undefined when there is none. `probe`: it goes alone. */
  peek(probe?: ProbeChoice): LaneDelivery | undefined {
    return this.#next(probe).peek();
  }

  /** Takes out the one that goes next. */
  shift(probe?: ProbeChoice): LaneDelivery | undefined {
    const next = this.#next(probe);
    if (next === this.#fresh) this.#freshInARow += 1;
    else if (next === this.#tried) this.#freshInARow = 0;
    return next.shift();
  }

  /** Takes out the one that failed before and would go last of these. */
  popTried(): LaneDelivery | undefined {
    return this.#tried.pop();
  }

  remove(delivery: LaneDelivery): void {
    for (const queue of [this.#fresh, this.#tried, this.#suspects]) queue.take((other) => other === delivery);
  }

  /** Takes out all that are not ready any more. */
  clean(): void {
    for (const queue of [this.#fresh, this.#tried, this.#suspects]) queue.take(({ state }) => state.kind !== 'ready');
  }

  #next(probe: ProbeChoice | undefined): Queue<LaneDelivery> {
    if (this.#suspects.size > 0) return this.#suspects;
    if (probe !== undefined) this.#putLast(probe.insteadOf);
    const isTriedNext = this.#freshInARow >= (probe === undefined ? 1 : FRESH_PROBES_IN_A_ROW);
    if (isTriedNext) return this.#tried.size > 0 ? this.#tried : this.#fresh;
    return this.#fresh.size > 0 ? this.#fresh : this.#tried;
  }

  /** One event that always fails must not keep the breaker open: another key goes first, if there is one. */
  #putLast(failedLast: ProbeChoice['insteadOf']): void {
    for (let left = this.#tried.size; left > 1; left -= 1) {
      const first = this.#tried.peek();
      if (first === undefined || !isOfKey(first, failedLast)) return;
      this.#tried.shift();
      this.#tried.push(first);
    }
  }
}

/** True for one of the key that failed last; one without a key is alone with it. */
export function isOfKey({ event: { key, seq } }: LaneDelivery, other: ProbeChoice['insteadOf']): boolean {
  return other !== undefined && (seq === other.seq || (key !== '' && key === other.key));
}

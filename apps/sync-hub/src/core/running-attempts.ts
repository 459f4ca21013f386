import type { LaneDelivery } from './lane.ts';

/** The attempts whose deadline has not passed, by the time that they were given: of one time, the first to start is the first due. */
export class RunningAttempts {
  readonly #byTimeout = new Map<number, Set<LaneDelivery>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** When the first deadline passes; Infinity when nothing runs. */
  get earliestDeadlineMs(): number {
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const [first] of this.#byTimeout.values()) {
      if (first?.phase.kind === 'attempting') earliestMs = Math.min(earliestMs, first.phase.deadlineAtMs);
    }
    return earliestMs;
  }

  add(delivery: LaneDelivery, timeoutMs: number): void {
    const started = this.#byTimeout.get(timeoutMs);
    if (started === undefined) this.#byTimeout.set(timeoutMs, new Set([delivery]));
    else started.add(delivery);
    this.#size += 1;
  }

  delete(delivery: LaneDelivery, timeoutMs: number): void {
    const started = this.#byTimeout.get(timeoutMs);
    if (!started?.delete(delivery)) return;
    this.#size -= 1;
    // Kept for the next attempt, except for times that an adapter no longer asks for.
    if (started.size === 0 && this.#byTimeout.size > 1) this.#byTimeout.delete(timeoutMs);
  }

  /** Any of them; undefined when nothing runs. */
  get first(): LaneDelivery | undefined {
    for (const started of this.#byTimeout.values()) for (const delivery of started) return delivery;
    return undefined;
  }

  /** An attempt whose deadline has passed; undefined when there is none. */
  firstExpired(nowMs: number): LaneDelivery | undefined {
    for (const [first] of this.#byTimeout.values()) {
      if (first?.phase.kind === 'attempting' && first.phase.deadlineAtMs <= nowMs) return first;
    }
    return undefined;
  }
}

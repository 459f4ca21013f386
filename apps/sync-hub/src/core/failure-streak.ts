/** This many different deliveries that failed in a row are not an accident of single events. */
const DELIVERIES = 5;
/** While something was delivered this short a time ago, a system under traffic may just have failed a few at once. */
const QUIET_MS = 1_000;

/**
 * Deliveries that failed since one was answered: the sign of an outage that needs no traffic. Each counts once, however
 * often it is tried, so that a few events that always fail are not an outage.
 */
export class FailureStreak {
  readonly #failed = new Set<number>();
  #answeredAtMs = Number.NEGATIVE_INFINITY;

  /** Different deliveries in the streak. */
  get size(): number {
    return this.#failed.size;
  }

  /** Returns whether the system is down: five different deliveries failed in a row, and no other was answered for a second. */
  failed(seq: number, nowMs: number): boolean {
    this.#failed.add(seq);
    return this.#failed.size >= DELIVERIES && nowMs - this.#answeredAtMs >= QUIET_MS;
  }

  /** The external system took a delivery, or refused it: it works. */
  answered(nowMs: number): void {
    this.#answeredAtMs = nowMs;
    this.#failed.clear();
  }

  /** Starts again. */
  clear(): void {
    this.#failed.clear();
  }
}

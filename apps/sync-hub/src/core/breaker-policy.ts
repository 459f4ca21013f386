/**
 * When a lane's breaker opens, and for how long. It counts deliveries and not attempts: one that fails again and again
 * counts once within the window. Whatever this says, it opens when five different deliveries failed in a row and none was
 * answered for a second.
 */
export interface BreakerPolicy {
  /** More failed deliveries than this share of all within the window open it, in percent. */
  readonly errorThresholdPercentage: number;
  /** With fewer deliveries than this in the window it does not open. */
  readonly volumeThreshold: number;
  readonly windowMs: number;
  /** How long it stays open before one delivery is let through. */
  readonly resetTimeoutMs: number;
}

/**
 * A window of ten seconds forgets a healthy history soon; fewer than ten deliveries in it say little about a share. After
 * 15 s an outage is noticed to be over soon, at the price of four calls a minute to a system that is down.
 */
export const DEFAULT_BREAKER: BreakerPolicy = {
  errorThresholdPercentage: 50,
  volumeThreshold: 10,
  windowMs: 10_000,
  resetTimeoutMs: 15_000,
};

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

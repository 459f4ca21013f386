/**
 * When a lane's breaker opens, and for how long. It counts deliveries and not attempts: one that fails again and again
 * counts once within the window. Whatever this says, it opens when five different deliveries failed in a row and none was
 * answered for a second (failure-streak.ts).
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

/** When a lane's breaker opens, and for how long. */
export interface BreakerPolicy {
  /** More failed attempts than this share of all within the window open it, in percent. */
  readonly errorThresholdPercentage: number;
  /** With fewer attempts than this in the window it does not open. */
  readonly volumeThreshold: number;
  readonly windowMs: number;
  /** How long it stays open before one delivery is let through. */
  readonly resetTimeoutMs: number;
}

/**
 * A window of a minute still sees five attempts when a quiet lane retries with backoff; after 15 s an outage is
 * noticed to be over soon, at the price of four calls a minute to a system that is down.
 */
export const DEFAULT_BREAKER: BreakerPolicy = {
  errorThresholdPercentage: 50,
  volumeThreshold: 5,
  windowMs: 60_000,
  resetTimeoutMs: 15_000,
};

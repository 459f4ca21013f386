/** How a lane tries again. */
export interface RetryPolicy {
  /** The first delay is drawn from 0 to this. */
  readonly baseMs: number;
  /** No delay is drawn from more than 0 to this. */
  readonly capMs: number;
  /** Attempts that may be spent on a delivery before it becomes a dead letter, at least 1. */
  readonly maxAttempts: number;
}

/**
 * Half a second lets a restart of the other side pass. Ten attempts have nine waits between them, drawn from bounds of
 * 0.5, 1, 2, ... 128 s: 128 s on average and 255 s at most for an event that fails alone (the breaker takes over when
 * all fail). The cap is reached only when an operator allows more attempts; five minutes is then often enough to come
 * back soon after a long trouble.
 */
export const DEFAULT_RETRY: RetryPolicy = { baseMs: 500, capMs: 300_000, maxAttempts: 10 };

/**
 * The longest wait that an external system may ask for. Nobody may silence a delivery for longer than an operator's
 * attention lasts: the system is asked again after an hour.
 */
export const LONGEST_RETRY_AFTER_MS = 3_600_000;

/** A wait that an adapter named, within bounds whatever it was: 0 when it is no number. */
export function boundedRetryAfterMs(retryAfterMs: number): number {
  return retryAfterMs > 0 ? Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS) : 0;
}

/** No attempt is ever due later than this from when the one before it ended. */
export function longestDelayMs(policy: RetryPolicy): number {
  return Math.max(policy.capMs, LONGEST_RETRY_AFTER_MS);
}

/**
 * Full jitter: evenly drawn from 0 to the growing bound, so that many deliveries that failed together do not come
 * back together ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 *
 * @param spent attempts spent so far, at least 1
 * @param random from 0 to below 1
 * @returns milliseconds
 */
export function backoffMs(policy: RetryPolicy, spent: number, random: number): number {
  // Twelve days are past every cap; without an end to the doubling 0 ms would become NaN.
  const doublings = Math.min(spent - 1, 30);
  const boundMs = Math.min(policy.capMs, policy.baseMs * 2 ** doublings);
  return Math.floor(random * boundMs);
}

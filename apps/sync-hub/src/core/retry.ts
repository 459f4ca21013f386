/** How a lane tries again. */
export interface RetryPolicy {
  /** The first delay is drawn from half of this to this. */
  readonly baseMs: number;
  /** No delay is drawn from more than half of this to this. */
  readonly capMs: number;
  /** This many failures count before one last attempt is made; with 1 the first failure is the last. At least 1: see Evidence. */
  readonly maxAttempts: number;
  /** Older than this a delivery that fails is a dead letter even when nothing shows that the system works. Absent:
   * {@link LEAST_MAX_AGE_MS}. */
  readonly maxAgeMs?: number;
}

/** So old a delivery must at least be allowed to become: an outage may last a night before anybody looks. */
export const LEAST_MAX_AGE_MS = 24 * 3_600_000;

/**
 * Half a second lets a restart of the other side pass. Ten failures have nine waits between them, drawn from bounds of
 * 0.5, 1, 2, ... 128 s: between two and four and a half minutes, amid others that are delivered. The cap is reached only
 * by what fails longer; five minutes is then often enough to come back soon after a long trouble.
 */
export const DEFAULT_RETRY: RetryPolicy = {
  baseMs: 500,
  capMs: 300_000,
  maxAttempts: 10,
  maxAgeMs: LEAST_MAX_AGE_MS,
};

/**
 * The longest wait that an external system may ask for. Nobody may silence a delivery for longer than an operator's
 * attention lasts: the system is asked again after an hour.
 */
export const LONGEST_RETRY_AFTER_MS = 3_600_000;

/** A wait that an adapter named, within bounds whatever it was: 0 when it is not a number. */
export function boundedRetryAfterMs(retryAfterMs: number): number {
  return retryAfterMs > 0 ? Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS) : 0;
}

/** No attempt is ever due later than this from when the one before it ended. */
export function longestDelayMs(policy: RetryPolicy): number {
  return Math.max(policy.capMs, LONGEST_RETRY_AFTER_MS);
}

/** How long the hub itself must have tried what it has from before before that is too old. */
const LEAST_TRIED_MS = 3_600_000;

/**
 * The age of a delivery at the most when its lane is opened: whatever the clock did while no hub ran, and however long
 * that was, an hour is left to deliver it.
 */
export function oldestKnownAgeMs({ maxAgeMs = LEAST_MAX_AGE_MS }: RetryPolicy): number {
  return Math.max(0, maxAgeMs - LEAST_TRIED_MS);
}

/**
 * Equal jitter: half of the growing bound, and evenly drawn up to the whole of it. Many deliveries that failed together do
 * not come back together, and none comes back at once: the attempts of a delivery cannot all be made in a few seconds
 * ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 *
 * @param attempts made so far, at least 1
 * @param random from 0 to below 1
 * @returns milliseconds
 */
export function backoffMs(
  { baseMs, capMs }: Pick<RetryPolicy, 'baseMs' | 'capMs'>,
  attempts: number,
  random: number,
): number {
  // Twelve days are past every cap; without an end to the doubling 0 ms would become NaN.
  const doublings = Math.min(attempts - 1, 30);
  const boundMs = Math.min(capMs, baseMs * 2 ** doublings);
  return Math.floor((boundMs + random * boundMs) / 2);
}

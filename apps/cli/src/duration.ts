import { InvalidArgumentError } from 'commander';
import ms, { type StringValue } from 'ms';

/** The maximum of Node's timers. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

/** Parses a duration such as 500ms, 30s, 5m, 2h or 7d to milliseconds; undefined when it is not one. */
export function parseDuration(text: string): number | undefined {
  // The library also accepts a number without a unit, a negative one, and words with spaces.
  return /^\d+(?:\.\d+)?[a-z]+$/.test(text) ? ms(text as StringValue) : undefined;
}

/** The value of a `--timeout`, in milliseconds; `none` is Infinity. */
export function parseTimeout(text: string): number {
  if (text === 'none') return Number.POSITIVE_INFINITY;
  const timeoutMs = parseDuration(text);
  if (timeoutMs === undefined || timeoutMs <= 0 || timeoutMs > TIMEOUT_MAX_MS) {
    throw new InvalidArgumentError('Write it as 500ms, 30s, 5m or 2h, or none to wait without a limit.');
  }
  return timeoutMs;
}

/** Aborts after the time; never when it is Infinity. */
export function timeoutSignal(timeoutMs: number): AbortSignal {
  return Number.isFinite(timeoutMs) ? AbortSignal.timeout(timeoutMs) : new AbortController().signal;
}

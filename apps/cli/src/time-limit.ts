import { InvalidArgumentError } from 'commander';

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Longer than this a timer of Node cannot wait. */
const LIMIT_MAX_MS = 2 ** 31 - 1;

/** A length of time such as 500ms, 30s, 5m or 2h, in milliseconds; `none` is no limit at all. */
export function parseTimeLimit(given: string): number {
  if (given === 'none') return Number.POSITIVE_INFINITY;
  const [, count = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(given) ?? [];
  const limitMs = Number(count) * (unitsMs[unit] ?? Number.NaN);
  if (count === '' || !(limitMs > 0 && limitMs <= LIMIT_MAX_MS)) {
    throw new InvalidArgumentError('Write it as 500ms, 30s, 5m or 2h, or none to wait without a limit.');
  }
  return limitMs;
}

/** Aborts after the time; never for a limit that is none. */
export function timeLimit(limitMs: number): AbortSignal {
  return Number.isFinite(limitMs) ? AbortSignal.timeout(limitMs) : new AbortController().signal;
}

import { textHash } from './text-hash.ts';

/** Attempts of one version while two are compared. */
export interface Tally {
  /** Those that ended, except throttled ones: being asked for less says nothing about a version. */
  attempts: number;
  /** Those of them that were not delivered. */
  failures: number;
}

export interface CanaryTallies {
  readonly candidate: Readonly<Tally>;
  readonly current: Readonly<Tally>;
}

/** With fewer attempts, one key that fails by chance would decide. */
const ATTEMPTS_MIN = 20;
/** Percentage points: versions that fail alike differ by less as a rule, and a version that is broken by more. */
const MARGIN_PERCENT = 10;

/**
 * Whether a key, or the id of an event without one, is in the share. Always the same ones: those of
 * 10 percent are among those of 20.
 */
export function isInShare(text: string, percent: number): boolean {
  return textHash(text) % 100 < percent;
}

/**
 * The rule of a canary: the candidate is rolled back when the share of its attempts that fail is more than 10 percentage
 * points above that of the current version. It is applied from the candidate's 20th attempt on and, however few there are,
 * at the end: when it has made `attemptsMax` attempts, or its time is up. It takes over when it passes at the end. One that
 * made no attempt in its time is rolled back, as nothing is known of it.
 *
 * @returns undefined: it continues
 */
export function judgeCanary(
  { candidate, current }: CanaryTallies,
  { attemptsMax, isTimeUp }: { readonly attemptsMax: number; readonly isTimeUp: boolean },
): 'takes_over' | 'rolls_back' | undefined {
  const isEnd = isTimeUp || candidate.attempts >= attemptsMax;
  if (!isEnd && candidate.attempts < ATTEMPTS_MIN) return undefined;
  if (candidate.attempts === 0 || failsMore(candidate, current)) return 'rolls_back';
  return isEnd ? 'takes_over' : undefined;
}

/** In whole numbers, so that exactly 10 points more is never more. A current version without attempts fails none. */
function failsMore(candidate: Readonly<Tally>, current: Readonly<Tally>): boolean {
  const currentAttempts = Math.max(1, current.attempts);
  const difference = candidate.failures * currentAttempts - current.failures * candidate.attempts;
  return 100 * difference > MARGIN_PERCENT * candidate.attempts * currentAttempts;
}

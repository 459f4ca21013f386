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

/** FNV-1a, by its authors' numbers. */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * A 32-bit hash of a text, the same in every process: FNV-1a over its UTF-16 code units, then spread, for its low bits
 * depend on the low bits of the letters alone.
 *
 * @returns from 0 to below 2^32
 */
export function textHash(text: string): number {
  let hash = FNV_OFFSET;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), FNV_PRIME);
  return spread(hash);
}

/** The finalizer of MurmurHash3: each bit of the result depends on each of the input. */
function spread(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

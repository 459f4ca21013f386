import { textHash } from './text-hash.ts';

/**
 * The rules by which a new version of an adapter is tried with a share of the keys: which keys these are, and when it has
 * proven itself or failed.
 */

/** Attempts of one version while two are compared. */
export interface Tally {
  attempts: number;
  /** Those that were not delivered, but for throttled ones: being asked for less is no fault of a version's. */
  failures: number;
}

export interface CanaryTallies {
  readonly candidate: Readonly<Tally>;
  readonly current: Readonly<Tally>;
}

/** With fewer, one key that fails by chance would decide. */
const LEAST_ATTEMPTS = 20;
/** Standard errors. Versions that fail alike are told apart by mistake once in 700 looks. */
const CERTAINTY = 3;

/**
 * Whether a key, or the id of an event without one, is among the first so many percent. Always the same ones: those of
 * 10 percent are among those of 20.
 */
export function isInShare(text: string, percent: number): boolean {
  return textHash(text) % 100 < percent;
}

/**
 * Whether the candidate fails more than the version that runs: by more than three standard errors of the difference of
 * their shares, once it has ended 20 attempts. Below that there is no telling.
 */
export function failsMore({ candidate, current }: CanaryTallies): boolean {
  if (candidate.attempts < LEAST_ATTEMPTS) return false;
  // With a success and a failure added, so that versions without any of one kind can be compared too.
  const share = (candidate.failures + current.failures + 1) / (candidate.attempts + current.attempts + 2);
  const deviation = Math.sqrt(share * (1 - share) * (1 / candidate.attempts + 1 / Math.max(1, current.attempts)));
  return failureShare(candidate) - failureShare(current) > CERTAINTY * deviation;
}

/**
 * Whether the candidate may take over when its time is up: not when it failed more often, however few its attempts were,
 * nor when it made none while the other worked, as one that never asks for deliveries would. Too little to prove that it
 * is worse is no proof that it is well.
 */
export function mayTakeOver(tallies: CanaryTallies): boolean {
  const { candidate, current } = tallies;
  if (candidate.attempts === 0 && current.attempts >= LEAST_ATTEMPTS) return false;
  if (candidate.attempts >= LEAST_ATTEMPTS) return !failsMore(tallies);
  return failureShare(candidate) <= failureShare(current);
}

function failureShare({ attempts, failures }: Readonly<Tally>): number {
  return attempts === 0 ? 0 : failures / attempts;
}

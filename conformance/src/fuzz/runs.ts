import type { Parameters } from 'fast-check';

/** How many cases all properties of the fuzzer try together; a hundred times as many run in some minutes. */
const CASES = Number(process.env.HMS_SYNC_FUZZ_CASES ?? 2_000);
const SEED = process.env.HMS_SYNC_FUZZ_SEED;

/** Cases that are sent at the same time. */
export const CASES_AT_ONCE = 8;

/** For a test: as long as the cases take, and some more for the search of the smallest one that fails. */
export const TIMEOUT_MS = 20_000 + CASES * 20;

/**
 * What to hand to fast-check. A failure prints its seed, which HMS_SYNC_FUZZ_SEED takes to see it again.
 *
 * @param share of all cases, 0 to 1
 */
export function runs(share: number): Parameters<unknown> {
  return {
    numRuns: Math.max(1, Math.round((CASES * share) / CASES_AT_ONCE)),
    ...(SEED !== undefined && { seed: Number(SEED) }),
  };
}

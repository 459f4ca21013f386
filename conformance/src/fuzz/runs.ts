import type { Parameters } from 'fast-check';

/** How many cases all properties of the fuzzer try together; a hundred times as many run in some minutes. */
const CASES = Number(process.env.HMS_SYNC_FUZZ_CASES ?? 2_000);
/** Whether to look for the smallest case that fails, which takes its time. */
const SHRINKS = process.env.HMS_SYNC_SHRINK !== undefined;

/** Cases that are sent at the same time. */
export const CASES_AT_ONCE = 8;

/** For a test: as long as its cases may take on a busy machine, or the search for the smallest that fails. */
export const TIMEOUT_MS = (SHRINKS ? 600_000 : 30_000) + CASES * 20;

/**
 * What to hand to fast-check. A failure prints its seed; with that in HMS_SYNC_SEED the same cases come again.
 *
 * @param share of all cases, 0 to 1
 */
export function runs(share: number): Parameters<unknown> {
  return {
    numRuns: Math.max(1, Math.round((CASES * share) / CASES_AT_ONCE)),
    endOnFailure: !SHRINKS,
  };
}

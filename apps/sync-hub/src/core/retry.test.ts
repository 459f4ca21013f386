import { assert, double, integer, property } from 'fast-check';
import { expect, it } from 'vitest';
import { backoffMs, boundedRetryAfterMs, DEFAULT_RETRY, LONGEST_RETRY_AFTER_MS, longestDelayMs } from './retry.ts';

it('draws from the upper half of a bound that doubles with each attempt, up to the cap', () => {
  const longest = [1, 2, 3, 10, 11, 2_000].map((spent) => backoffMs(DEFAULT_RETRY, spent, 1 - Number.EPSILON));
  expect(longest).toEqual([499, 999, 1_999, 255_999, 300_000, 300_000]);
  const shortest = [1, 2, 3, 10, 11, 2_000].map((attempts) => backoffMs(DEFAULT_RETRY, attempts, 0));
  expect(shortest).toEqual([250, 500, 1_000, 128_000, 150_000, 150_000]);
});

it('is a whole number of milliseconds within the cap for any policy', () => {
  const ms = integer({ min: 0, max: 86_400_000 });
  const random = double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  assert(
    property(ms, ms, integer({ min: 1, max: 10_000 }), random, (baseMs, capMs, spent, draw) => {
      const delayMs = backoffMs({ baseMs, capMs }, spent, draw);
      expect(Number.isInteger(delayMs) && delayMs >= 0 && delayMs <= capMs).toBe(true);
    }),
  );
});

it('brings any wait that an adapter names within bounds', () => {
  const named = [0, 1_500, LONGEST_RETRY_AFTER_MS + 1, Number.POSITIVE_INFINITY, -1, Number.NaN];
  expect(named.map(boundedRetryAfterMs)).toEqual([0, 1_500, LONGEST_RETRY_AFTER_MS, LONGEST_RETRY_AFTER_MS, 0, 0]);
});

it('knows no wait longer than the cap or what a system may ask for', () => {
  expect(longestDelayMs(DEFAULT_RETRY)).toBe(LONGEST_RETRY_AFTER_MS);
  expect(longestDelayMs({ ...DEFAULT_RETRY, capMs: 86_400_000 })).toBe(86_400_000);
});

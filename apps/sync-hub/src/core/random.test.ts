import { expect, it } from 'vitest';
import { nextRandom } from './random.ts';

const draw = (seed: number, count: number) => {
  const random = { seed };
  return Array.from({ length: count }, () => nextRandom(random));
};

it('gives the same numbers for the same seed and others for another', () => {
  expect(draw(7, 20)).toEqual(draw(7, 20));
  expect(draw(7, 20)).not.toEqual(draw(8, 20));
});

it('spreads evenly from 0 to below 1', () => {
  const tenths = Map.groupBy(draw(1, 10_000), (number) => Math.floor(number * 10));
  expect([...tenths.keys()].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  for (const numbers of tenths.values()) expect(Math.abs(numbers.length - 1_000)).toBeLessThan(150);
});

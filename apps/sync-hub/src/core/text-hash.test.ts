import { expect, it } from 'vitest';
import { textHash } from './text-hash.ts';

/** Their two lowest bits are 0. */
const LETTERS = [...'048@DHLPTX'];

it('spreads texts whose letters agree in their low bits over all remainders', () => {
  const pairs = LETTERS.flatMap((first) => LETTERS.map((second) => first + second));
  const counts = [0, 0, 0, 0];
  for (const text of pairs.flatMap((first) => pairs.map((second) => first + second))) {
    const remainder = textHash(text) % 4;
    counts[remainder] = (counts[remainder] ?? 0) + 1;
  }
  for (const count of counts) expect(Math.abs(count - 2_500)).toBeLessThan(200);
});

it('is never negative', () => {
  const texts = Array.from({ length: 1_000 }, (_, index) => `process-${index}`);
  expect(texts.every((text) => textHash(text) >= 0)).toBe(true);
});

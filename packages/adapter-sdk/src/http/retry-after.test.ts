import { expect, it } from 'vitest';
import { retryAfterMs } from './retry-after.ts';

const now = Date.parse('2026-11-23T10:00:00Z');

it.each([
  ['0', 0],
  ['120', 120_000],
  [' 3 ', 3000],
  ['Mon, 23 Nov 2026 10:00:30 GMT', 30_000],
  ['Monday, 23-Nov-26 10:00:30 GMT', 30_000],
  ['Mon, 23 Nov 2026 09:00:00 GMT', 0],
  [undefined, undefined],
  ['', undefined],
  ['-5', undefined],
  ['1.5', undefined],
  ['soon', undefined],
  ['Monday', undefined],
])('reads %j as %j ms', (header, expected) => {
  expect(retryAfterMs(header, now)).toBe(expected);
});

it('goes by the first of a repeated header', () => {
  expect(retryAfterMs(['7', '9'], now)).toBe(7000);
});

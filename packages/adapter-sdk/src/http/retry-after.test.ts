import { expect, it } from 'vitest';
import { retryAfterMs } from './retry-after.ts';

const now = Date.UTC(2026, 10, 23, 10);

it.each([
  ['120', 120_000],
  [' 3 ', 3000],
  ['Mon, 23 Nov 2026 10:00:30 GMT', 30_000],
  ['Mon, 23 Nov 2026 10:00:30', 30_000],
  ['Monday, 23-Nov-26 10:00:30 GMT', 30_000],
  ['Mon Nov 23 10:00:30 2026', 30_000],
])('reads %j as %j ms', (header, expected) => {
  expect(retryAfterMs(header, now)).toBe(expected);
});

it.each([
  '0',
  '00',
  '-5',
  '1.5',
  '',
  'soon',
  'Monday',
  undefined,
  'Mon, 23 Nov 2026 10:00:00 GMT',
  'Mon, 23 Nov 2026 09:00:00 GMT',
])('reads %j as no wait: the hub has its own', (header) => {
  expect(retryAfterMs(header, now)).toBeUndefined();
});

it('uses the first of a repeated header', () => {
  expect(retryAfterMs(['7', '9'], now)).toBe(7000);
});

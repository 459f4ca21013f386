import { expect, it } from 'vitest';
import { bytesOf } from './sizes.ts';

it.each([
  [0, 0],
  [67_108_864, 67_108_864],
  ['64KiB', 65_536],
  ['64MiB', 67_108_864],
  ['64 MiB', 67_108_864],
  ['2GiB', 2_147_483_648],
  ['1TiB', 2 ** 40],
])('%j is %i bytes', (size, bytes) => {
  expect(bytesOf(size)).toBe(bytes);
});

it.each([-1, 1.5, Number.NaN, '64', '64MB', '64mib', '-1MiB', '1.5GiB', '999999999999TiB', '', null, true])(
  '%j is not a size',
  (size) => {
    expect(bytesOf(size)).toBeUndefined();
  },
);

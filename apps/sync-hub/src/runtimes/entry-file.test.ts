import { expect, it } from 'vitest';
import { conditionsIn } from './entry-file.ts';

it.each([
  [
    ['--conditions=a', '--conditions=b'],
    ['a', 'b'],
  ],
  [
    ['-C', 'a', '--conditions', 'b', '--inspect'],
    ['a', 'b'],
  ],
  [['--conditions'], []],
  [['', '--max-old-space-size=64'], []],
])('reads the conditions among Node flags: %j', (flags, conditions) => {
  expect(conditionsIn(flags)).toEqual(conditions);
});

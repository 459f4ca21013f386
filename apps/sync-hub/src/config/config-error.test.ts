import { expect, it } from 'vitest';
import { nearestName } from './config-error.ts';

const known = ['listen', 'dataDir', 'logLevel', 'errorThresholdPercentage'];

it.each([
  ['lisen', 'listen'],
  ['datadir', 'dataDir'],
  ['DATA_DIR', 'dataDir'],
  ['loglvl', 'logLevel'],
  ['ERRORTHRESHOLDPERCENT', 'errorThresholdPercentage'],
])('takes %s for %s', (name, meant) => {
  expect(nearestName(name, known)).toBe(meant);
});

it.each(['zebra', '', 'adapters'])('takes "%s" for nothing that it knows', (name) => {
  expect(nearestName(name, known)).toBeUndefined();
});

it('has nothing to say where no name is known', () => {
  expect(nearestName('listen', [])).toBeUndefined();
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareVersions, isRange, isVersion, satisfies } from './version-range.ts';

const number = fc.integer({ min: 0, max: 3 });
const version = fc
  .tuple(number, number, number, fc.constantFrom('', '-0', '-rc.1', '-rc.2', '-rc.10', '-rc', '-alpha.1'))
  .map(([major, minor, patch, before]) => `${major}.${minor}.${patch}${before}`);

// As npm's own semver says of each.
it.each([
  ['1.2.3', '^1.2.0', true],
  ['2.0.0', '^1.2.0', false],
  ['2.0.0-rc.1', '^1.2.0', false],
  ['1.3.0-rc.1', '^1.2.0', false],
  ['1.2.0-rc.2', '^1.2.0-rc.1', true],
  ['0.2.9', '^0.2.3', true],
  ['0.3.0', '^0.2.3', false],
  ['0.0.4', '^0.0.3', false],
  ['0.0.9', '^0.0', true],
  ['1.9.9', '~1', true],
  ['1.3.0', '~1.2.3', false],
  ['1.2.9', '~1.2.3', true],
  ['1.5.0', '1.x', true],
  ['1.5.0', '1.4', false],
  ['1.5.0', '*', true],
  ['1.5.0', '', true],
  ['1.5.0-rc.1', '*', false],
  ['1.5.0', '>=1.2.0 <1.5.0', false],
  ['1.5.0', '<1.2 || >=1.5', true],
  ['1.5.0', '>1.4', true],
  ['1.4.9', '>1.4', false],
  ['1.4.9', '<=1.4', true],
  ['1.2.0', '1.0.0 - 1.2.0', true],
  ['1.2.0+build.7', '1.2.0', true],
  ['1.2.0', 'latest', false],
  ['latest', '*', false],
])('%s in %j: %s', (found, range, fits) => {
  expect(satisfies(found, range)).toBe(fits);
});

it.each(['latest', 'next', '1.2.3.4', 'beta-1', '^', '>='])('%j is no range or means none', (text) => {
  expect(isRange(text) && !satisfies('1.2.3', text)).toBe(false);
  expect(isVersion(text)).toBe(false);
});

describe('the order of versions', () => {
  it('is that of semver: words after numbers, a release after its candidates', () => {
    const order = ['1.0.0-0', '1.0.0-alpha.1', '1.0.0-rc', '1.0.0-rc.1', '1.0.0-rc.2', '1.0.0-rc.10', '1.0.0', '1.0.1'];
    for (const [place, earlier] of order.entries()) {
      for (const later of order.slice(place + 1)) expect(compareVersions(earlier, later)).toBeLessThan(0);
    }
  });

  it('is the same from either side, and is what comparators go by', () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) + 0);
        expect(satisfies(a, a)).toBe(true);
        if (!a.includes('-')) expect(satisfies(a, `>=${b}`)).toBe(compareVersions(a, b) >= 0);
      }),
    );
  });
});

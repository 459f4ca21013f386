import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failsMore, isInShare, mayTakeOver } from './canary.ts';

const tally = (failures: number, attempts: number) => ({ attempts, failures });

describe('the share of the keys', () => {
  it('is about as large as it says, also of keys that differ in one letter alone', () => {
    for (const percent of [1, 10, 50, 99]) {
      const keys = Array.from({ length: 20_000 }, (_, index) => `process-${index}`);
      const share = (keys.filter((key) => isInShare(key, percent)).length / keys.length) * 100;
      expect(Math.abs(share - percent)).toBeLessThan(1.5);
    }
  });

  it('holds every key of a smaller one, none at 0 percent and all at 100', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 0, max: 99 }), (key, percent) => {
        expect(isInShare(key, percent) && !isInShare(key, percent + 1)).toBe(false);
        expect(isInShare(key, 0)).toBe(false);
        expect(isInShare(key, 100)).toBe(true);
      }),
    );
  });
});

describe('a candidate', () => {
  it('that fails always while the other never does is found out with its twentieth attempt', () => {
    expect(failsMore({ candidate: tally(19, 19), current: tally(0, 180) })).toBe(false);
    expect(failsMore({ candidate: tally(20, 20), current: tally(0, 180) })).toBe(true);
  });

  it.each([
    ['fails as often as the other', tally(10, 100), tally(100, 1_000)],
    ['fails a little more often, as chance has it', tally(14, 100), tally(100, 1_000)],
    ['fails with the other, whose system is down', tally(100, 100), tally(900, 900)],
    ['fails less', tally(0, 100), tally(100, 1_000)],
    ['has nobody to be compared with and is well', tally(0, 200), tally(0, 0)],
  ])('that %s is not found to be worse', (_what, candidate, current) => {
    expect(failsMore({ candidate, current })).toBe(false);
    expect(mayTakeOver({ candidate, current })).toBe(true);
  });

  it('that fails three times as often is found out within some hundred attempts', () => {
    expect(failsMore({ candidate: tally(30, 100), current: tally(100, 1_000) })).toBe(true);
  });

  it('of which a version that fails alike is told apart by mistake is rare', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 5_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (attempts, share) => {
          const same = tally(Math.round(attempts * share), attempts);
          expect(failsMore({ candidate: same, current: same })).toBe(false);
        },
      ),
    );
  });

  it('with too few attempts to tell takes over unless it failed more often', () => {
    expect(mayTakeOver({ candidate: tally(0, 0), current: tally(0, 0) })).toBe(true);
    expect(mayTakeOver({ candidate: tally(1, 5), current: tally(0, 100) })).toBe(false);
    // It may have no key among those that are published, or it may never ask for one.
    expect(mayTakeOver({ candidate: tally(0, 0), current: tally(0, 19) })).toBe(true);
    expect(mayTakeOver({ candidate: tally(0, 0), current: tally(0, 20) })).toBe(false);
  });
});

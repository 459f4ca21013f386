import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isInShare, judgeCanary, textHash } from './canary-rule.ts';

const tally = (failures: number, attempts: number) => ({ attempts, failures });
const running = { attemptsMax: 1_000, isTimeUp: false };
const timeIsUp = { attemptsMax: 1_000, isTimeUp: true };

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

describe('a canary', () => {
  it('is rolled back at its 20th attempt, and not before, when it always fails and the other never does', () => {
    expect(judgeCanary({ candidate: tally(19, 19), current: tally(0, 180) }, running)).toBeUndefined();
    expect(judgeCanary({ candidate: tally(20, 20), current: tally(0, 180) }, running)).toBe('rolls_back');
  });

  it.each([
    ['20 points with 10', tally(20, 100), tally(10, 100), undefined],
    ['21 points with 10', tally(21, 100), tally(10, 100), 'rolls_back'],
    // In floating point 0.7 + 0.1 is less than 0.8.
    ['80 points with 70', tally(80, 100), tally(70, 100), undefined],
    ['10 points with no attempt of the other', tally(2, 20), tally(0, 0), undefined],
    ['15 points with no attempt of the other', tally(3, 20), tally(0, 0), 'rolls_back'],
    ['all, while the other does too: the system is down', tally(100, 100), tally(900, 900), undefined],
    ['less', tally(0, 100), tally(100, 1_000), undefined],
  ] as const)('that fails %s: %#', (_what, candidate, current, verdict) => {
    expect(judgeCanary({ candidate, current }, running)).toBe(verdict);
    expect(judgeCanary({ candidate, current }, timeIsUp)).toBe(verdict ?? 'takes_over');
  });

  it('takes over with its last attempt, unless it fails more, also when these are fewer than 20', () => {
    const ending = { attemptsMax: 5, isTimeUp: false };
    expect(judgeCanary({ candidate: tally(0, 4), current: tally(0, 50) }, ending)).toBeUndefined();
    expect(judgeCanary({ candidate: tally(0, 5), current: tally(0, 50) }, ending)).toBe('takes_over');
    expect(judgeCanary({ candidate: tally(1, 5), current: tally(0, 50) }, ending)).toBe('rolls_back');
  });

  it('is judged by what it has when its time is up, and rolled back when that is nothing', () => {
    expect(judgeCanary({ candidate: tally(0, 1), current: tally(0, 100) }, timeIsUp)).toBe('takes_over');
    expect(judgeCanary({ candidate: tally(1, 5), current: tally(0, 100) }, timeIsUp)).toBe('rolls_back');
    expect(judgeCanary({ candidate: tally(0, 0), current: tally(0, 100) }, timeIsUp)).toBe('rolls_back');
    expect(judgeCanary({ candidate: tally(0, 0), current: tally(0, 0) }, timeIsUp)).toBe('rolls_back');
  });

  it('follows the rule with every tally', () => {
    const anyTally = fc
      .integer({ min: 1, max: 5_000 })
      .chain((attempts) => fc.integer({ min: 0, max: attempts }).map((failures) => tally(failures, attempts)));
    fc.assert(
      fc.property(anyTally, anyTally, (candidate, current) => {
        const verdict = judgeCanary({ candidate, current }, running);
        const points = (100 * candidate.failures) / candidate.attempts - (100 * current.failures) / current.attempts;
        if (Math.abs(points - 10) < 1e-9) return;
        if (candidate.attempts < 20) expect(verdict).toBeUndefined();
        else if (points > 10) expect(verdict).toBe('rolls_back');
        else expect(verdict).toBe(candidate.attempts < running.attemptsMax ? undefined : 'takes_over');
      }),
    );
  });
});

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

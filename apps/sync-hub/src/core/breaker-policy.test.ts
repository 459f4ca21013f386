import { describe, expect, it } from 'vitest';
import { FailureStreak } from './breaker-policy.ts';
import { nextRandom } from './random.ts';

describe('an outage', () => {
  it('is seen by the fifth delivery that fails, when nothing was answered lately', () => {
    const streak = new FailureStreak();
    expect([1, 2, 3, 4, 5].map((seq) => streak.failed(seq, 10 * seq))).toEqual([false, false, false, false, true]);
  });

  it('is seen a second after the last answer under traffic, whatever went before', () => {
    const streak = new FailureStreak();
    for (let atMs = 0; atMs < 60_000; atMs += 20) streak.answered(atMs);
    let seq = 0;
    const seenAtMs = Array.from({ length: 100 }, (_, index) => 60_000 + index * 20).find((atMs) => {
      seq += 1;
      return streak.failed(seq, atMs);
    });
    expect(seenAtMs).toBe(60_980);
  });

  it('is seen by another attempt of the same five when they failed within a second of an answer', () => {
    const streak = new FailureStreak();
    streak.answered(0);
    for (const seq of [1, 2, 3, 4, 5]) expect(streak.failed(seq, 300)).toBe(false);
    expect(streak.failed(1, 1_000)).toBe(true);
  });
});

it('is not an outage when a few events fail again and again', () => {
  const streak = new FailureStreak();
  for (let atMs = 0; atMs < 3_600_000; atMs += 1_000) {
    for (const seq of [1, 2, 3, 4]) expect(streak.failed(seq, atMs)).toBe(false);
  }
});

it('is not an outage when a fifth of a busy lane fails: not once in a day at 50 events a second', () => {
  const streak = new FailureStreak();
  const random = { seed: 1 };
  let outages = 0;
  for (let seq = 1; seq <= 24 * 3_600 * 50; seq += 1) {
    const atMs = seq * 20;
    if (nextRandom(random) >= 0.2) streak.answered(atMs);
    else if (streak.failed(seq, atMs)) outages += 1;
  }
  expect(outages).toBe(0);
});

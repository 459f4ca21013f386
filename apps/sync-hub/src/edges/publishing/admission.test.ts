import { expect, it } from 'vitest';
import { RequestError } from '../request-error.ts';
import { Admission } from './admission.ts';

const MIB = 1024 * 1024;

function open({ random = (): number => 0 } = {}) {
  let nowMs = 5_000;
  const admission = new Admission({ nowMs: () => nowMs, random });
  return {
    admission,
    pass: (durationMs: number) => {
      nowMs += durationMs;
    },
    enter: (sizeBytes = 100) => admission.enter(sizeBytes),
    rejection: (): RequestError | undefined => {
      try {
        admission.enter(100)();
        return undefined;
      } catch (error) {
        if (error instanceof RequestError) return error;
        throw error;
      }
    },
  };
}

it('lets everything in while commits return', () => {
  const { admission, enter, pass } = open();
  for (let commit = 0; commit < 100; commit += 1) {
    const answered = Array.from({ length: 1_000 }, () => enter());
    pass(400);
    for (const answer of answered) answer();
    expect(admission.closedBecause).toBe('');
  }
});

it('closes once a publish has waited for three seconds, and opens when the last that waits has its answer', () => {
  const { admission, enter, pass, rejection } = open();
  const answerOldest = enter();
  pass(2_000);
  const answerNewest = enter();
  pass(1_000);
  expect(rejection()).toBeUndefined();
  pass(1);
  expect(rejection()).toMatchObject({ reason: 'HUB_OVERLOADED', message: expect.stringContaining('the same id') });
  answerOldest();
  expect(admission.closedBecause).toContain('stuck');
  answerNewest();
  expect(admission.closedBecause).toBe('');
  expect(rejection()).toBeUndefined();
});

it('closes when a queue does not drain: for two seconds even the quickest publish has waited for one', () => {
  const { admission, enter, pass } = open();
  const queue = [enter(), enter(), enter()];
  for (let commit = 0; commit < 11; commit += 1) {
    queue.push(enter());
    pass(400);
    queue.shift()?.();
  }
  expect(admission.closedBecause).toContain('slow');
  for (const answered of queue) answered();
  expect(admission.closedBecause).toBe('');
});

it('stays open for a burst, however long its last publish waits in line, and for one slow commit', () => {
  const { admission, enter, pass } = open();
  for (let burst = 0; burst < 10; burst += 1) {
    const answered = Array.from({ length: 30 }, () => enter());
    for (const answer of answered) {
      pass(50);
      answer();
    }
    expect(admission.closedBecause).toBe('');
  }
  const slow = enter();
  pass(2_900);
  slow();
  pass(600_000);
  const next = enter();
  expect(admission.closedBecause).toBe('');
  next();
  enter();
  expect(admission.closedBecause).toBe('');
});

it('closes when more bytes wait than are to be held in memory', () => {
  const { admission, enter } = open();
  const answered = Array.from({ length: 64 }, () => enter(MIB));
  expect(admission.closedBecause).toBe('');
  answered.push(enter(1));
  expect(admission.closedBecause).toContain('bytes');
  for (const answer of answered) answer();
  expect(admission.closedBecause).toBe('');
});

it('says to come back after as long again, with jitter, within bounds', () => {
  const after = (waitedMs: number, random: number) => {
    const { enter, pass, rejection } = open({ random: () => random });
    enter();
    pass(waitedMs);
    return rejection()?.retryAfterMs;
  };
  expect(after(3_200, 0)).toBe(3_200);
  expect(after(3_200, 0.5)).toBe(4_800);
  expect(after(3_600_000, 0.999)).toBeLessThan(30_000);
});

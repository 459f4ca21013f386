import { expect, it } from 'vitest';
import type { Outcome } from '../core/outcome.ts';
import { RecentAttempts } from './recent-attempts.ts';

const delivered: Outcome = { kind: 'delivered', receipt: '' };
const failure = { code: 'HTTP_503', message: 'unwell' };
const failed: Outcome = { kind: 'retryable', failure };

function open() {
  let nowMs = 1_000;
  const clock = { monotonicMs: () => nowMs, wallMs: () => 1_790_000_000_000 + nowMs };
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { recent: new RecentAttempts(clock), pass };
}

it('counts the attempts of the last minute, and those of them that failed', () => {
  const { recent, pass } = open();
  recent.ended(failed);
  pass(30_000);
  for (const outcome of [delivered, delivered, { kind: 'permanent', failure } as const]) recent.ended(outcome);
  expect(recent.report).toMatchObject({ attempts: 4, failures: 2 });
  pass(35_000);
  expect(recent.report).toMatchObject({ attempts: 3, failures: 1 });
  pass(60_000);
  expect(recent.report).toEqual({ attempts: 0, failures: 0, lastFailure: undefined });
});

it('keeps the last failure for as long as it counts, with its time', () => {
  const { recent, pass } = open();
  recent.ended(failed);
  pass(1_000);
  recent.ended({ kind: 'timed_out', failure: { code: 'TIMED_OUT', message: 'no answer' } });
  recent.ended(delivered);
  expect(recent.report.lastFailure).toEqual({
    kind: 'timed_out',
    code: 'TIMED_OUT',
    message: 'no answer',
    atMs: 1_790_000_002_000,
  });
  pass(70_000);
  expect(recent.report.lastFailure).toBeUndefined();
});

it('takes being asked for less as no failure, and what never ran as no attempt', () => {
  const { recent } = open();
  recent.ended({ kind: 'throttled', failure, retryAfterMs: 1_000 });
  recent.ended({ kind: 'not_run' });
  expect(recent.report).toEqual({ attempts: 1, failures: 0, lastFailure: undefined });
});

it('holds no more for a million attempts than for one', () => {
  const { recent, pass } = open();
  for (let attempt = 0; attempt < 100_000; attempt += 1) {
    recent.ended(failed);
    pass(1);
  }
  const { attempts } = recent.report;
  expect(attempts).toBeGreaterThanOrEqual(55_000);
  expect(attempts).toBeLessThanOrEqual(60_001);
});

import { expect, it } from 'vitest';
import type { AttemptEnd, Outcome } from '../core/outcome.ts';
import { failure, readyDelivery } from '../core/scripted-lane.fixture.ts';
import type { DeliveryAttempt, Runtime } from '../runtimes/runtime.ts';
import { AdapterVersion } from './adapter-version.ts';
import { LiveAttempts } from './live-attempts.ts';

const delivered: Outcome = { kind: 'delivered', receipt: '' };
const { event } = readyDelivery({ seq: 7 });
const attempt: DeliveryAttempt = { event, idempotencyKey: 'k', number: 1, redelivered: false, timeoutMs: 10 };

/** Attempts in front of an adapter that answers when the test does, and all that happens to them, in order. */
function createAttempts() {
  const log: string[] = [];
  const answer = Promise.withResolvers<AttemptEnd>();
  const ended = Promise.withResolvers<AttemptEnd>();
  const judged = Promise.withResolvers<void>();
  const runtime: Runtime = {
    kind: 'inline',
    start: () => Promise.reject(new Error('never started')),
    check: async () => [],
    close: async () => undefined,
    deliver(_attempt, signal) {
      signal.addEventListener('abort', () => log.push('aborted'));
      return answer.promise;
    },
  };
  const version = new AdapterVersion({ version: '1.0.0', runtime });
  const attempts = new LiveAttempts({
    breaker: {
      async run(_seq, run) {
        const outcome = await run();
        log.push(`breaker: ${outcome.kind}`);
        judged.resolve();
        return outcome;
      },
    },
    onEnd({ seq }, outcome) {
      log.push(`end of ${seq}: ${outcome.kind}`);
      ended.resolve(outcome);
    },
  });
  return {
    begin: () => attempts.begin(attempt, version),
    attempts,
    log,
    answer,
    ended: ended.promise,
    judged: judged.promise,
  };
}

it('lets the breaker see an outcome before the lane does', async () => {
  const { begin, log, answer, ended } = createAttempts();
  begin();
  answer.resolve(delivered);
  await ended;
  expect(log).toEqual(['breaker: delivered', 'end of 7: delivered']);
});

it('notifies the breaker of a deadline at once, and the lane of the end when adapter code has returned', async () => {
  const { begin, attempts, log, answer, ended, judged } = createAttempts();
  begin();
  attempts.expire(7);
  await judged;
  expect(log).toEqual(['aborted', 'breaker: timed_out']);
  answer.resolve({ kind: 'permanent', failure });
  await ended;
  expect(log.at(-1)).toBe('end of 7: permanent');
});

it('forgets an attempt that ended', async () => {
  const { begin, attempts, log, answer, ended } = createAttempts();
  begin();
  answer.resolve(delivered);
  await ended;
  attempts.abandon();
  attempts.expire(7);
  expect(log).not.toContain('aborted');
});

it('asks all that runs to end when it is abandoned, and takes what that comes to for no outcome', async () => {
  const { begin, attempts, log, answer, judged } = createAttempts();
  begin();
  attempts.abandon();
  expect(log).toEqual(['aborted']);
  answer.resolve({ kind: 'retryable', failure });
  await judged;
  await new Promise(setImmediate);
  expect(log).toEqual(['aborted', 'breaker: retryable']);
});

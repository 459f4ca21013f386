import { EventEmitter, once } from 'node:events';
import { onTestFinished, vi } from 'vitest';
import { type BreakerPolicy, DEFAULT_BREAKER } from '../core/breaker-policy.ts';
import type { BreakerCondition } from '../core/lane-messages.ts';
import type { AttemptEnd, Outcome } from '../core/outcome.ts';
import { Breaker } from './breaker.ts';
import { systemClock } from './clock.ts';

export const failure = { code: 'HTTP_503', message: 'the other side is unwell' };
export const delivered: Outcome = { kind: 'delivered', receipt: '' };
export const retryable: Outcome = { kind: 'retryable', failure };

const policy: BreakerPolicy = { ...DEFAULT_BREAKER, resetTimeoutMs: 30 };

/** A breaker on real opossum and real time, and how to wait for what it does. */
export function createBreaker(changes: Partial<BreakerPolicy> = {}) {
  const emitter = new EventEmitter();
  const seen: BreakerCondition[] = [];
  let seq = 0;
  const breaker = new Breaker({
    policy: { ...policy, ...changes },
    clock: systemClock,
    onChange: (condition) => {
      seen.push(condition);
      emitter.emit(condition);
    },
  });
  const run = (attempt: () => Promise<AttemptEnd>) => {
    seq += 1;
    return breaker.run(seq, attempt);
  };
  onTestFinished(() => {
    breaker.close();
    vi.useRealTimers();
  });
  return {
    breaker,
    seen,
    /** Each of another delivery. */
    run,
    /** Resolves with the next change to it. */
    becomes: (condition: BreakerCondition) => once(emitter, condition),
    attempt: (...outcomes: readonly AttemptEnd[]) =>
      outcomes.reduce<Promise<unknown>>(
        (before, outcome) => before.then(() => run(async () => outcome)),
        Promise.resolve(),
      ),
  };
}

export const times = (count: number, outcome: Outcome) => new Array<Outcome>(count).fill(outcome);

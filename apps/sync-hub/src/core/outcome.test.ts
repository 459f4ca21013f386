import { expect, it } from 'vitest';
import { countsAgainstBreaker, type Outcome } from './outcome.ts';

const failure = { code: 'X', message: '' };

it('counts against the breaker only what says that the other side or the adapter is unwell', () => {
  const outcomes: readonly Outcome[] = [
    { kind: 'delivered', receipt: '' },
    { kind: 'retryable', failure },
    { kind: 'throttled', failure, retryAfterMs: 1 },
    { kind: 'permanent', failure },
    { kind: 'misconfigured', failure },
    { kind: 'timed_out', failure },
    { kind: 'crashed', failure, suspects: 1 },
  ];
  expect(outcomes.filter(countsAgainstBreaker).map(({ kind }) => kind)).toEqual(['retryable', 'timed_out', 'crashed']);
});

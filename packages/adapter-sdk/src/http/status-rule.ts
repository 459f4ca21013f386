import type { OutcomeKind } from '../outcome.ts';

/** The outcome for a range of statuses. */
export interface StatusRule {
  readonly from: number;
  readonly to: number;
  readonly outcome: OutcomeKind;
  /** Why: docs/write-an-adapter.md has this table. */
  readonly why: string;
  /** The outcome with a `Retry-After`, whose delay then applies. Absent: the same outcome. */
  readonly withRetryAfter?: 'retryable' | 'throttled';
}

function one(status: number, outcome: OutcomeKind, why: string, withRetryAfter?: 'throttled'): StatusRule {
  return {
    from: status,
    to: status,
    outcome,
    why,
    ...(withRetryAfter && { withRetryAfter }),
  };
}

/**
 * Every final status, 200 to 599; the first matching rule applies. A status that does not depend on the event is retried:
 * that costs little, while an event dead-lettered for an unrelated failure needs an operator.
 */
export const STATUS_RULES: readonly StatusRule[] = [
  { from: 200, to: 299, outcome: 'delivered', why: 'the system accepted it; the body is the receipt' },
  {
    from: 300,
    to: 399,
    outcome: 'misconfigured',
    why: 'a redirect of a write is not followed, since credentials would go elsewhere: correct the base URL',
  },
  one(401, 'unauthorized', 'the credential is rejected, for every event'),
  one(402, 'retryable', 'a matter of the account, not of the event'),
  {
    from: 403,
    to: 403,
    outcome: 'unauthorized',
    why: 'as 401; with `Retry-After` a temporary limit',
    withRetryAfter: 'throttled',
  },
  one(407, 'retryable', 'a proxy requires authentication'),
  one(408, 'retryable', 'the request arrived too slowly', 'throttled'),
  one(412, 'retryable', 'the data changed between read and write: the next attempt reads it again'),
  one(417, 'retryable', 'an `Expect` header was not supported'),
  one(421, 'retryable', 'the connection reached the wrong server'),
  one(423, 'retryable', 'the resource is locked'),
  one(424, 'retryable', 'a request that it depends on failed'),
  one(425, 'retryable', 'sent too early in a connection'),
  one(426, 'misconfigured', 'the system requires another protocol, for every event'),
  one(429, 'throttled', 'the system limits the rate; without `Retry-After` the wait is 5 s'),
  {
    from: 400,
    to: 499,
    outcome: 'permanent',
    why: 'the system rejects this event; with `Retry-After` it may accept it later',
    withRetryAfter: 'retryable',
  },
  one(503, 'retryable', 'the system is overloaded or in maintenance', 'throttled'),
  { from: 500, to: 599, outcome: 'retryable', why: 'the system failed, independent of the event' },
];

/** The outcome for a status. */
export function outcomeOfStatus(status: number, waitMs: number | undefined): OutcomeKind {
  const rule = STATUS_RULES.find(({ from, to }) => status >= from && status <= to);
  // Not an HTTP status: the result is unknown.
  if (rule === undefined) return 'retryable';
  return waitMs === undefined ? rule.outcome : (rule.withRetryAfter ?? rule.outcome);
}

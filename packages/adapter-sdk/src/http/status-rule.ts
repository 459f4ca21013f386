import type { OutcomeKind } from '../outcome.ts';

/** What a range of statuses says about the event that was sent. */
export interface StatusRule {
  readonly from: number;
  readonly to: number;
  readonly outcome: OutcomeKind;
  /** Why, in a few words: docs/write-an-adapter.md has this table. */
  readonly why: string;
  /** With a `Retry-After` that asks for a wait, which is then obeyed. Absent: the same outcome. */
  readonly withRetryAfter?: 'retryable' | 'throttled';
}

const one = (status: number, outcome: OutcomeKind, why: string, withRetryAfter?: 'throttled'): StatusRule => ({
  from: status,
  to: status,
  outcome,
  why,
  ...(withRetryAfter && { withRetryAfter }),
});

/**
 * Every final status, 200 to 599: the first rule that holds counts. What says nothing about the event is retried: a wait
 * costs little, and an event that was thrown away for somebody else's trouble is lost.
 */
export const statusRules: readonly StatusRule[] = [
  { from: 200, to: 299, outcome: 'delivered', why: 'the system took it; the body is the receipt' },
  {
    from: 300,
    to: 399,
    outcome: 'misconfigured',
    why: 'a write is never sent on, with its credentials, to wherever an answer points: the base URL is to be corrected',
  },
  one(401, 'unauthorized', 'the credential is refused, and so is every event with it'),
  one(402, 'retryable', "the account's affair, not the event's"),
  {
    from: 403,
    to: 403,
    outcome: 'unauthorized',
    why: 'as 401; with `Retry-After` it is a limit that passes',
    withRetryAfter: 'throttled',
  },
  one(407, 'retryable', 'said by a proxy on the way, of itself'),
  one(408, 'retryable', 'the request came too slowly', 'throttled'),
  one(412, 'retryable', 'what was read before the write has changed since: the next attempt reads anew'),
  one(417, 'retryable', 'about a header of the connection'),
  one(421, 'retryable', 'the connection led to the wrong server'),
  one(423, 'retryable', 'somebody else holds what is to be changed'),
  one(424, 'retryable', 'another action failed'),
  one(425, 'retryable', 'sent too early in a connection'),
  one(426, 'misconfigured', 'another protocol is wanted, of every event: as a redirect'),
  one(429, 'throttled', 'the system asks for less; without `Retry-After` it is left alone for 5 s'),
  {
    from: 400,
    to: 499,
    outcome: 'permanent',
    why: 'the system will not take this event; with `Retry-After` it says that it may later',
    withRetryAfter: 'retryable',
  },
  one(503, 'retryable', 'the system is overloaded or being serviced', 'throttled'),
  { from: 500, to: 599, outcome: 'retryable', why: 'the system failed, whatever the event' },
];

/** What a status means for the event, and whether its `Retry-After` counts. */
export function outcomeOfStatus(status: number, waitMs: number | undefined): OutcomeKind {
  const rule = statusRules.find(({ from, to }) => status >= from && status <= to);
  // No status of HTTP: nobody knows what became of it.
  if (rule === undefined) return 'retryable';
  return waitMs === undefined ? rule.outcome : (rule.withRetryAfter ?? rule.outcome);
}

/** Why an attempt did not deliver. Holds no payload and no secret. */
export interface Failure {
  /** A short stable word for programs, such as HTTP_503; at most 64 characters. */
  readonly code: string;
  /** A human-readable sentence, at most 1,024 characters. */
  readonly message: string;
}

/** What one attempt came to. The kind alone decides what happens next. */
export type Outcome =
  /** The external system took the event. */
  | { readonly kind: 'delivered'; readonly receipt: string }
  /** A passing failure: again with backoff, not before retryAfterMs when the system named one. */
  | { readonly kind: 'retryable'; readonly failure: Failure; readonly retryAfterMs?: number }
  /** The system asks for less: again with backoff, and not before the delay that it named (an hour at the most). Spends nothing of the budget. */
  | {
      readonly kind: 'throttled';
      readonly failure: Failure;
      readonly retryAfterMs: number;
      /** Who waits: this delivery alone, or the whole lane. Absent: the lane. */
      readonly scope?: 'delivery' | 'lane';
    }
  /** This event will never be taken: a dead letter at once. */
  | { readonly kind: 'permanent'; readonly failure: Failure }
  /** The configuration or the credential is refused: the lane pauses and keeps its queue. */
  | { readonly kind: 'misconfigured'; readonly failure: Failure }
  /** No answer within the deadline; whether it took effect is unknown. */
  | { readonly kind: 'timed_out'; readonly failure: Failure }
  /** The adapter broke while it had the event. */
  | {
      readonly kind: 'crashed';
      readonly failure: Failure;
      /** How many attempts it had when it broke, this one among them; at least 1. With more than one nobody knows whose
       * fault it was. */
      readonly suspects: number;
    };

export type OutcomeKind = Outcome['kind'];

/**
 * What an attempt came to: an outcome, or nothing at all because no adapter code ran (the adapter did not run, or ended
 * before it had the event). That is not an attempt: it is not counted and not recorded.
 */
export type AttemptEnd = Outcome | { readonly kind: 'not_run' };

/** True for the outcomes that say that the external system or the adapter is unwell: the breaker counts these alone. */
export function countsAgainstBreaker(outcome: Outcome): boolean {
  switch (outcome.kind) {
    case 'retryable':
    case 'timed_out':
    case 'crashed':
      return true;
    case 'delivered':
    case 'throttled':
    case 'permanent':
    case 'misconfigured':
      return false;
    default:
      return outcome satisfies never;
  }
}

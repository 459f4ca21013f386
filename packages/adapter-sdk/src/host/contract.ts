import { abandon } from '../abandoned-promise.ts';
import { delivered, failed, isFailureKind, type Outcome, type Redact } from '../outcome.ts';
import { nameOf, peek } from '../outcome-of.ts';

/**
 * The outcomes that `pushBatch` returned, brought within their bounds: one for each of `count` events, in order.
 * When one is missing, extra or malformed nobody knows which event it belongs to, so all of them are retryable with
 * code `CONTRACT_VIOLATION` and a message that says what was wrong.
 */
export function batchOutcomes(returned: unknown, count: number, redact: Redact): readonly Outcome[] {
  if (Array.isArray(returned)) returned.forEach(abandon);
  const broken = (what: string): readonly Outcome[] => Array.from({ length: count }, () => contractViolation(what));
  if (!Array.isArray(returned)) {
    return broken(`pushBatch returned ${returned === undefined ? 'nothing' : 'no list'} for ${count} events`);
  }
  if (returned.length !== count) return broken(`pushBatch returned ${returned.length} outcomes for ${count} events`);
  const outcomes: Outcome[] = [];
  for (let index = 0; index < count; index += 1) {
    const outcome = boundedOutcome(returned[index], redact);
    if (outcome === undefined) {
      return broken(
        `pushBatch returned ${nameOf(returned[index])} without a known kind as outcome ${index} of ${count}`,
      );
    }
    outcomes.push(outcome);
  }
  return outcomes;
}

/** The outcome of an attempt whose adapter broke the contract. */
export function contractViolation(what: string): Outcome {
  return { kind: 'retryable', code: 'CONTRACT_VIOLATION', message: `${what}; each event needs exactly one outcome` };
}

function boundedOutcome(value: unknown, redact: Redact): Outcome | undefined {
  const kind = peek(value, 'kind');
  if (kind === 'delivered') return delivered(peek(value, 'receipt'), redact);
  if (!isFailureKind(kind)) return undefined;
  const parts = {
    code: peek(value, 'code'),
    message: peek(value, 'message'),
    retryAfterMs: peek(value, 'retryAfterMs'),
    scope: peek(value, 'scope'),
  };
  return failed(kind, parts, redact);
}

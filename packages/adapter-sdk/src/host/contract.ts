import { abandon, abandonAll } from '../abandoned-promise.ts';
import { delivered, failed, isFailureKind, type Outcome, type Redact } from '../outcome.ts';
import { nameOf, peek } from '../outcome-of.ts';

/**
 * The outcome for the return value of `push`. Only a string or nothing is success: a response with status 500, an error
 * that was returned and not thrown, or `false` do not show that the event was delivered.
 */
export function pushOutcome(returned: unknown, redact: Redact): Outcome {
  if (isReceipt(returned)) return delivered(returned, redact);
  if (Array.isArray(returned)) abandonAll(returned);
  return contractViolation(
    `push returned ${nameOf(returned)}; return a string or nothing once the event is delivered, and throw otherwise`,
  );
}

/**
 * The outcomes that `pushBatch` returned, cut to their bounds: one for each of `count` events, in order. If one is missing,
 * extra or malformed, it is unknown which event each belongs to, so all are retryable with code `CONTRACT_VIOLATION`.
 */
export function batchOutcomes(returned: unknown, count: number, redact: Redact): readonly Outcome[] {
  if (Array.isArray(returned)) abandonAll(returned);
  const broken = (what: string): readonly Outcome[] => {
    const outcome = contractViolation(`pushBatch returned ${what}; each event needs exactly one outcome`);
    return Array.from({ length: count }, () => outcome);
  };
  if (!Array.isArray(returned)) {
    return broken(`${returned === undefined ? 'nothing' : 'no list'} for ${count} events`);
  }
  if (returned.length !== count) return broken(`${returned.length} outcomes for ${count} events`);
  const outcomes: Outcome[] = [];
  for (let index = 0; index < count; index += 1) {
    const outcome = boundedOutcome(returned[index], redact);
    if (typeof outcome === 'string') return broken(`${outcome} outcome ${index} of ${count}`);
    outcomes.push(outcome);
  }
  return outcomes;
}

/** The outcome of an attempt whose adapter broke the contract. */
function contractViolation(message: string): Outcome {
  return { kind: 'retryable', code: 'CONTRACT_VIOLATION', message };
}

function isReceipt(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}

/** An outcome cut to its bounds, or what is wrong with it. */
function boundedOutcome(value: unknown, redact: Redact): Outcome | string {
  const kind = peek(value, 'kind');
  if (kind === 'delivered') {
    const receipt = peek(value, 'receipt');
    abandon(receipt);
    return isReceipt(receipt) ? delivered(receipt, redact) : `${nameOf(receipt)} as receipt of`;
  }
  if (!isFailureKind(kind)) return `${nameOf(value)} without a known kind as`;
  const parts = {
    code: peek(value, 'code'),
    message: peek(value, 'message'),
    retryAfterMs: peek(value, 'retryAfterMs'),
    scope: peek(value, 'scope'),
  };
  return failed(kind, parts, redact);
}

import type { Outcome as AdapterOutcome } from '@hms-sync/adapter-sdk/host';
import type { Outcome } from '../core/outcome.ts';

/** An outcome of the SDK, which is within the contract's bounds, as the hub has it. */
export function toOutcome(outcome: AdapterOutcome): Outcome {
  if (outcome.kind === 'delivered') return outcome;
  const failure = { code: outcome.code, message: outcome.message };
  switch (outcome.kind) {
    case 'retryable': {
      const { kind, retryAfterMs } = outcome;
      return { kind, failure, ...(retryAfterMs !== undefined && { retryAfterMs }) };
    }
    case 'throttled': {
      const { kind, retryAfterMs, scope } = outcome;
      return { kind, failure, retryAfterMs, ...(scope !== undefined && { scope }) };
    }
    case 'permanent':
      return { kind: 'permanent', failure };
    // The hub has one word for what an operator must fix: the configuration or the credential.
    case 'misconfigured':
    case 'unauthorized':
      return { kind: 'misconfigured', failure };
    default:
      return outcome satisfies never;
  }
}

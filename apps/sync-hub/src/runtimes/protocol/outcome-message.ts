import { durationMs } from '@bufbuild/protobuf/wkt';
import { delivered, type FailureKind, failed } from '@hms-sync/adapter-sdk/host';
import {
  OutcomeKind,
  type Outcome as OutcomeMessage,
  ThrottleScope,
} from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import type { Outcome } from '../../core/outcome.ts';
import { toOutcome } from '../adapter-outcome.ts';

const FAILURE_KINDS: Readonly<Partial<Record<OutcomeKind, FailureKind>>> = {
  [OutcomeKind.THROTTLED]: 'throttled',
  [OutcomeKind.PERMANENT]: 'permanent',
  [OutcomeKind.MISCONFIGURED]: 'misconfigured',
  [OutcomeKind.UNAUTHORIZED]: 'unauthorized',
};

/**
 * The outcome of an attempt in an adapter's words. An adapter in any language may break the contract's bounds, and the
 * journal relies on them: it is brought within them as the SDK does it. A kind of a newer contract is retryable.
 */
export function outcomeFrom({ kind, receipt, code, message, retryAfter, throttleScope }: OutcomeMessage): Outcome {
  if (kind === OutcomeKind.DELIVERED) return delivered(receipt, unchanged);
  const retryAfterMs = retryAfter === undefined ? undefined : durationMs(retryAfter);
  const scope = throttleScope === ThrottleScope.DELIVERY ? 'delivery' : 'lane';
  return toOutcome(failed(FAILURE_KINDS[kind] ?? 'retryable', { code, message, retryAfterMs, scope }, unchanged));
}

/** What is secret in it only the adapter knows. */
function unchanged(text: string): string {
  return text;
}

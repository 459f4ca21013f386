import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  OutcomeKind,
  type Outcome as OutcomeMessage,
  OutcomeSchema,
  ThrottleScope,
} from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import type { FailureKind, Outcome, ThrottleScope as ScopeName } from '../outcome.ts';

const KINDS: Readonly<Record<FailureKind, OutcomeKind>> = {
  retryable: OutcomeKind.RETRYABLE,
  throttled: OutcomeKind.THROTTLED,
  permanent: OutcomeKind.PERMANENT,
  misconfigured: OutcomeKind.MISCONFIGURED,
  unauthorized: OutcomeKind.UNAUTHORIZED,
};

const SCOPES: Readonly<Record<ScopeName, ThrottleScope>> = {
  delivery: ThrottleScope.DELIVERY,
  lane: ThrottleScope.LANE,
};

/** Converts an outcome. `ref` identifies the attempt on its stream. */
export function outcomeMessage(ref: bigint, outcome: Outcome): OutcomeMessage {
  if (outcome.kind === 'delivered') {
    return create(OutcomeSchema, { ref, kind: OutcomeKind.DELIVERED, receipt: outcome.receipt });
  }
  const message = create(OutcomeSchema, {
    ref,
    kind: KINDS[outcome.kind],
    code: outcome.code,
    message: outcome.message,
  });
  if ('retryAfterMs' in outcome) message.retryAfter = durationFromMs(outcome.retryAfterMs);
  if ('scope' in outcome) message.throttleScope = SCOPES[outcome.scope];
  return message;
}

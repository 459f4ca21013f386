import { durationMs } from '@bufbuild/protobuf/wkt';
import {
  OutcomeKind,
  type Outcome as OutcomeMessage,
  ThrottleScope,
} from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import { CODE_MAX_CHARACTERS, MESSAGE_MAX_CHARACTERS, type Outcome, RECEIPT_MAX_BYTES } from '../outcome.ts';

/** Converts an outcome; an unknown kind is retryable. */
export function outcomeFrom({ kind, code, message, retryAfter, receipt, throttleScope }: OutcomeMessage): Outcome {
  const retryAfterMs = retryAfter === undefined ? undefined : durationMs(retryAfter);
  switch (kind) {
    case OutcomeKind.DELIVERED:
      return { kind: 'delivered', receipt };
    case OutcomeKind.THROTTLED:
      return {
        ...{ kind: 'throttled', code, message, retryAfterMs: retryAfterMs ?? 0 },
        ...(throttleScope === ThrottleScope.DELIVERY && { scope: 'delivery' }),
      };
    case OutcomeKind.PERMANENT:
      return { kind: 'permanent', code, message };
    case OutcomeKind.MISCONFIGURED:
      return { kind: 'misconfigured', code, message };
    case OutcomeKind.UNAUTHORIZED:
      return { kind: 'unauthorized', code, message };
    default:
      return { kind: 'retryable', code, message, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  }
}

/** The bound that an outcome exceeds, as a sentence; undefined when there is none. */
export function outcomeBreach({ ref, kind, code, message, receipt }: OutcomeMessage): string | undefined {
  if (kind === OutcomeKind.UNSPECIFIED) return `the outcome of ref ${ref} has no kind`;
  if (code.length > CODE_MAX_CHARACTERS)
    return `the code of ref ${ref} is longer than ${CODE_MAX_CHARACTERS} characters`;
  if (message.length > MESSAGE_MAX_CHARACTERS) {
    return `the message of ref ${ref} is longer than ${MESSAGE_MAX_CHARACTERS} characters`;
  }
  if (Buffer.byteLength(receipt) > RECEIPT_MAX_BYTES) {
    return `the receipt of ref ${ref} is longer than ${RECEIPT_MAX_BYTES} bytes`;
  }
  return undefined;
}

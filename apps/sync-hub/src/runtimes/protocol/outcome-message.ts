import { durationMs } from '@bufbuild/protobuf/wkt';
import {
  OutcomeKind,
  type Outcome as OutcomeMessage,
  ThrottleScope,
} from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import type { Failure, Outcome } from '../../core/outcome.ts';

/** The contract's bounds. An adapter in any language may break them, and the journal relies on them. */
const RECEIPT_MAX_BYTES = 1_024;
const MESSAGE_MAX_CHARACTERS = 1_024;
const CODE_MAX_CHARACTERS = 64;
/** A system that throttles without saying for how long: long enough for most rate windows to move on. */
const THROTTLE_DEFAULT_MS = 5_000;

/** What an adapter says an attempt came to, brought within the contract's bounds. A kind of a newer contract is retryable. */
export function outcomeFrom(message: OutcomeMessage): Outcome {
  const namedMs = message.retryAfter === undefined ? 0 : durationMs(message.retryAfter);
  // Nobody can ask for less than the hub waits by itself.
  const retryAfterMs = namedMs > 0 ? namedMs : undefined;
  switch (message.kind) {
    case OutcomeKind.DELIVERED:
      return { kind: 'delivered', receipt: cutToBytes(message.receipt) };
    case OutcomeKind.THROTTLED:
      return {
        kind: 'throttled',
        failure: failureOf(message, 'THROTTLED'),
        retryAfterMs: retryAfterMs ?? THROTTLE_DEFAULT_MS,
        ...(message.throttleScope === ThrottleScope.DELIVERY && { scope: 'delivery' }),
      };
    case OutcomeKind.PERMANENT:
      return { kind: 'permanent', failure: failureOf(message, 'PERMANENT') };
    case OutcomeKind.MISCONFIGURED:
      return { kind: 'misconfigured', failure: failureOf(message, 'MISCONFIGURED') };
    // The hub knows one word for "a person must mend the configuration or the credential".
    case OutcomeKind.UNAUTHORIZED:
      return { kind: 'misconfigured', failure: failureOf(message, 'UNAUTHORIZED') };
    default: {
      const failure = failureOf(message, 'RETRYABLE');
      return { kind: 'retryable', failure, ...(retryAfterMs !== undefined && { retryAfterMs }) };
    }
  }
}

function failureOf({ code, message }: OutcomeMessage, fallback: string): Failure {
  // Some letters become several in upper case, so it is cut again.
  const cleaned = code
    .slice(0, CODE_MAX_CHARACTERS)
    .toUpperCase()
    .slice(0, CODE_MAX_CHARACTERS)
    .replaceAll(/[^A-Z0-9_]/g, '_');
  return { code: cleaned || fallback, message: message.slice(0, MESSAGE_MAX_CHARACTERS).toWellFormed() };
}

/** Never inside a character. */
function cutToBytes(text: string): string {
  // No UTF-16 unit takes more than three bytes, so a short text needs no look.
  if (text.length * 3 <= RECEIPT_MAX_BYTES) return text;
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(RECEIPT_MAX_BYTES));
  return text.slice(0, read);
}

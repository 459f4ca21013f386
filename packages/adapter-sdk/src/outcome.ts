import { cutToBytes, cutToLength } from './bounded-text.ts';

/** The journal keeps a receipt for each delivery. */
export const RECEIPT_MAX_BYTES = 1024;
/** Messages are shown in tables. */
export const MESSAGE_MAX_CHARACTERS = 1024;
/** Codes are used as labels of metrics. */
export const CODE_MAX_CHARACTERS = 64;
/** An external system cannot delay a delivery for longer than an hour. */
const RETRY_AFTER_MAX_MS = 3_600_000;
/** When a system throttles without a delay: long enough for most rate limits. */
const THROTTLE_DEFAULT_MS = 5_000;

/** The external system accepted the event. */
export interface DeliveredOutcome {
  readonly kind: 'delivered';
  /** Its response: at most 1,024 bytes of UTF-8; may be empty. */
  readonly receipt: string;
}

/** A temporary failure: the delivery is retried, and the breaker counts the failure. */
export interface RetryableOutcome {
  readonly kind: 'retryable';
  /** At most 64 of A-Z, 0-9 and `_`. */
  readonly code: string;
  /** A message for people: at most 1,024 characters, without payload or secret. */
  readonly message: string;
  /** The minimum delay before the next attempt, 1 to 3,600,000 ms; the hub's backoff applies too. Absent: only the backoff. */
  readonly retryAfterMs?: number;
}

/** The external system limits the rate: retried later, and not counted by the breaker. */
export interface ThrottledOutcome {
  readonly kind: 'throttled';
  /** See {@link RetryableOutcome.code}. */
  readonly code: string;
  /** See {@link RetryableOutcome.message}. */
  readonly message: string;
  /** The minimum delay before the next attempt, 1 to 3,600,000 ms. */
  readonly retryAfterMs: number;
  /** Which deliveries wait. Absent: `lane`. */
  readonly scope?: ThrottleScope;
}

/** Which deliveries wait when an external system limits the rate: only this one, or all of the adapter. */
export type ThrottleScope = 'delivery' | 'lane';

/** `permanent`: the system will never accept this event. `misconfigured`, `unauthorized`: it accepts none until an operator acts. */
export interface RefusedOutcome {
  readonly kind: 'permanent' | 'misconfigured' | 'unauthorized';
  /** See {@link RetryableOutcome.code}. */
  readonly code: string;
  /** See {@link RetryableOutcome.message}. */
  readonly message: string;
}

/** The outcome of an attempt, as the adapter reports it. Only the hub detects timeouts and crashes. */
export type Outcome = DeliveredOutcome | RetryableOutcome | ThrottledOutcome | RefusedOutcome;

/** The kind of an {@link Outcome}. */
export type OutcomeKind = Outcome['kind'];
/** The kinds of an {@link Outcome} that are not success. */
export type FailureKind = Exclude<OutcomeKind, 'delivered'>;

/** Redacts secrets in a text. Call it before cutting the text: half a secret would not match. */
export type Redact = (text: string) => string;

/** The parts of a failure as adapter code set them: of any type and size. */
export interface FailureParts {
  readonly code: unknown;
  readonly message: unknown;
  readonly retryAfterMs: unknown;
  readonly scope: unknown;
}

/** Success, with the external system's response. */
export function delivered(receipt: string | undefined, redact: Redact): DeliveredOutcome {
  return { kind: 'delivered', receipt: receipt === undefined ? '' : cutToBytes(redact(receipt), RECEIPT_MAX_BYTES) };
}

/** A failure, cut to the bounds of its outcome. */
export function failed(kind: FailureKind, parts: FailureParts, redact: Redact): Outcome {
  const code = boundedCode(parts.code, kind);
  const message = typeof parts.message === 'string' ? cutToLength(redact(parts.message), MESSAGE_MAX_CHARACTERS) : '';
  switch (kind) {
    case 'retryable': {
      const retryAfterMs = boundedRetryAfterMs(parts.retryAfterMs);
      return retryAfterMs === undefined ? { kind, code, message } : { kind, code, message, retryAfterMs };
    }
    case 'throttled': {
      const retryAfterMs = boundedRetryAfterMs(parts.retryAfterMs) ?? THROTTLE_DEFAULT_MS;
      return { kind, code, message, retryAfterMs, ...(parts.scope === 'delivery' && { scope: parts.scope }) };
    }
    case 'permanent':
    case 'misconfigured':
    case 'unauthorized':
      return { kind, code, message };
    default:
      return kind satisfies never;
  }
}

/** Whether a value is the kind of a failure. */
export function isFailureKind(value: unknown): value is FailureKind {
  return typeof value === 'string' && Object.hasOwn(FAILURE_KINDS, value);
}

const FAILURE_KINDS: Readonly<Record<FailureKind, true>> = {
  retryable: true,
  throttled: true,
  permanent: true,
  misconfigured: true,
  unauthorized: true,
};

function boundedCode(code: unknown, kind: FailureKind): string {
  if (typeof code !== 'string') return kind.toUpperCase();
  const cleaned = code
    .slice(0, CODE_MAX_CHARACTERS)
    .toUpperCase()
    .replaceAll(/[^A-Z0-9_]/g, '_')
    // Upper case can be longer, such as that of "ß".
    .slice(0, CODE_MAX_CHARACTERS);
  return cleaned === '' ? kind.toUpperCase() : cleaned;
}

/** Undefined when no delay is requested. */
function boundedRetryAfterMs(value: unknown): number | undefined {
  if (typeof value !== 'number' || !(value > 0)) return undefined;
  return Math.min(Math.ceil(value), RETRY_AFTER_MAX_MS);
}

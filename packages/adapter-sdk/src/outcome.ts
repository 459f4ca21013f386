import { cutToBytes, cutToLength } from './bounded-text.ts';

/** A receipt has room for an id and a status line; the journal keeps one for each delivery. */
export const RECEIPT_MAX_BYTES = 1024;
/** A message is read by people in a table. */
export const MESSAGE_MAX_CHARACTERS = 1024;
/** A code is a label of a metric, so it is short. */
export const CODE_MAX_CHARACTERS = 64;
/** Nobody may silence a delivery for longer than an operator's attention lasts: the external system is asked again after an hour. */
const RETRY_AFTER_MAX_MS = 3_600_000;
/** A system that throttles without saying for how long: long enough for most rate windows to move on. */
const THROTTLE_DEFAULT_MS = 5_000;

/** The external system took the event. */
export interface DeliveredOutcome {
  readonly kind: 'delivered';
  /** What it answered: at most 1,024 bytes of UTF-8. Empty: nothing. */
  readonly receipt: string;
}

/** A passing failure: the delivery is tried again and the breaker counts it. */
export interface RetryableOutcome {
  readonly kind: 'retryable';
  /** At most 64 of A-Z, 0-9 and `_`. */
  readonly code: string;
  /** A sentence for people: at most 1,024 characters, no payload, no secret. */
  readonly message: string;
  /** Not before so many milliseconds, 1 to 3,600,000, and never before the hub's backoff. Absent: the backoff alone. */
  readonly retryAfterMs?: number;
}

/** The external system asks for less: tried again, not counted by the breaker. */
export interface ThrottledOutcome {
  readonly kind: 'throttled';
  /** See {@link RetryableOutcome.code}. */
  readonly code: string;
  /** See {@link RetryableOutcome.message}. */
  readonly message: string;
  /** Not before so many milliseconds, 1 to 3,600,000. */
  readonly retryAfterMs: number;
  /** Who waits. Absent: the lane. */
  readonly scope?: ThrottleScope;
}

/** Who waits when an external system asks for less: this delivery alone, or all of the adapter's. */
export type ThrottleScope = 'delivery' | 'lane';

/** `permanent`: this event will never be taken. `misconfigured`, `unauthorized`: none will be until an operator acts. */
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

/** Takes secrets out of a text before it is cut, because half a secret at the cut would be no match. */
export type Redact = (text: string) => string;

/** The parts of a failure as somebody else's code gave them: of any type and size. */
export interface FailureParts {
  readonly code: unknown;
  readonly message: unknown;
  readonly retryAfterMs: unknown;
  readonly scope: unknown;
}

/** Success, with what the external system answered. */
export function delivered(receipt: string | undefined, redact: Redact): DeliveredOutcome {
  return { kind: 'delivered', receipt: receipt === undefined ? '' : cutToBytes(redact(receipt), RECEIPT_MAX_BYTES) };
}

/** A failure brought within the bounds of its outcome. */
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
    // Some letters are several in upper case.
    .slice(0, CODE_MAX_CHARACTERS);
  return cleaned === '' ? kind.toUpperCase() : cleaned;
}

/** Undefined for what asks for no wait: nobody can ask for less than is waited anyway. */
function boundedRetryAfterMs(value: unknown): number | undefined {
  if (typeof value !== 'number' || !(value > 0)) return undefined;
  return Math.min(Math.ceil(value), RETRY_AFTER_MAX_MS);
}

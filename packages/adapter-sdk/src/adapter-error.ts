import type { FailureKind, ThrottleScope } from './outcome.ts';

/** Found on every error of the SDK. `Symbol.for` makes it the same symbol in every copy of the SDK. */
const ERROR_BRAND: unique symbol = Symbol.for('@hms-sync/adapter-sdk/error');

/** What an error of the SDK may carry besides its message. */
export interface AdapterErrorOptions {
  /** A short stable word for programs, such as `HTTP_503`: at most 64 of A-Z, 0-9 and `_`. Absent: the error's own. */
  readonly code?: string | undefined;
  /** What led to it. It never leaves the adapter: an operator sees code and message. */
  readonly cause?: unknown;
}

/** Options of an error after which the same delivery is tried again. */
export interface RetryOptions extends AdapterErrorOptions {
  /**
   * Not before so many milliseconds have passed, and never before the hub's backoff; 1 to 3,600,000 (more is cut). Absent,
   * 0 or less: the backoff alone.
   */
  readonly retryAfterMs?: number | undefined;
}

/** Options of an error by which an external system asks for less. */
export interface ThrottledOptions extends RetryOptions {
  /**
   * Who waits: `lane`, nothing is sent to the system meanwhile, or `delivery`, this event alone (and what follows it
   * under its key), for a limit of that one record or account. Absent: `lane`.
   */
  readonly scope?: ThrottleScope | undefined;
}

/** Options of an error about the configuration. */
export interface MisconfiguredOptions extends AdapterErrorOptions {
  /** The path of the wrong field in the configuration, such as `baseUrl`. Absent: the whole. */
  readonly path?: string | undefined;
}

/** What {@link isAdapterError} vouches for: the data of an SDK error, whichever copy of the SDK made it. */
export interface AdapterErrorData {
  /** The outcome that it stands for. */
  readonly kind: FailureKind;
  /** See {@link AdapterErrorOptions.code}. */
  readonly code: string;
  /** A sentence for people. No payload, no secret. */
  readonly message: string;
  /** See {@link RetryOptions.retryAfterMs}. */
  readonly retryAfterMs?: number | undefined;
  /** See {@link ThrottledOptions.scope}. */
  readonly scope?: ThrottleScope | undefined;
  /** See {@link MisconfiguredOptions.path}. */
  readonly path?: string | undefined;
}

interface Failure extends ThrottledOptions, MisconfiguredOptions {
  readonly kind: FailureKind;
  readonly code: string;
}

abstract class AdapterError extends Error implements AdapterErrorData {
  readonly [ERROR_BRAND] = true;
  readonly kind: FailureKind;
  readonly code: string;
  readonly retryAfterMs: number | undefined;
  readonly scope: ThrottleScope | undefined;
  readonly path: string | undefined;

  constructor(name: string, message: string, failure: Failure) {
    super(message, failure.cause === undefined ? undefined : { cause: failure.cause });
    this.name = name;
    this.kind = failure.kind;
    this.code = failure.code;
    this.retryAfterMs = failure.retryAfterMs;
    this.scope = failure.scope;
    this.path = failure.path;
  }
}

/** A passing failure: the delivery is tried again and the breaker counts it. Code: `RETRYABLE`. */
export class Retryable extends AdapterError {
  constructor(message: string, options: RetryOptions = {}) {
    super('Retryable', message, { ...options, kind: 'retryable', code: options.code ?? 'RETRYABLE' });
  }
}

/**
 * The external system asks for less: tried again after `retryAfterMs` (absent, 0 or less: 5 s), and the breaker does not count it.
 * Every delivery waits meanwhile, or with `scope: 'delivery'` this one alone. Code: `THROTTLED`.
 */
export class Throttled extends AdapterError {
  constructor(message: string, options: ThrottledOptions = {}) {
    super('Throttled', message, { ...options, kind: 'throttled', code: options.code ?? 'THROTTLED' });
  }
}

/** The external system will never take this event: a dead letter at once. Code: `PERMANENT`. */
export class Permanent extends AdapterError {
  constructor(message: string, options: AdapterErrorOptions = {}) {
    super('Permanent', message, { ...options, kind: 'permanent', code: options.code ?? 'PERMANENT' });
  }
}

/** The event itself is wrong, before any system was asked: permanent. Code: `INVALID_EVENT`. */
export class InvalidEvent extends AdapterError {
  constructor(message: string, options: AdapterErrorOptions = {}) {
    super('InvalidEvent', message, { ...options, kind: 'permanent', code: options.code ?? 'INVALID_EVENT' });
  }
}

/** The configuration is wrong: the lane pauses and keeps its queue until an operator fixes it. Code: `MISCONFIGURED`. */
export class Misconfigured extends AdapterError {
  constructor(message: string, options: MisconfiguredOptions = {}) {
    super('Misconfigured', message, { ...options, kind: 'misconfigured', code: options.code ?? 'MISCONFIGURED' });
  }
}

/** The credential is refused: the lane pauses and keeps its queue until an operator fixes it. Code: `UNAUTHORIZED`. */
export class Unauthorized extends AdapterError {
  constructor(message: string, options: AdapterErrorOptions = {}) {
    super('Unauthorized', message, { ...options, kind: 'unauthorized', code: options.code ?? 'UNAUTHORIZED' });
  }
}

/** Whether a value is an error of the SDK, made by this copy or another. Never throws, whatever the value does. */
export function isAdapterError(value: unknown): value is AdapterErrorData {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return ERROR_BRAND in value && value[ERROR_BRAND] === true;
  } catch {
    // A proxy that throws from its traps is nobody's error.
    return false;
  }
}

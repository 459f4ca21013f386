import type { FailureKind, ThrottleScope } from './outcome.ts';

/** On every error of the SDK. `Symbol.for` makes it the same symbol in every copy of the SDK. */
const ERROR_BRAND: unique symbol = Symbol.for('@hms-sync/adapter-sdk/error');

/** Options of all errors of the SDK. */
export interface AdapterErrorOptions {
  /** A short stable code for programs, such as `HTTP_503`: at most 64 of A-Z, 0-9 and `_`. Absent: the code of the class. */
  readonly code?: string | undefined;
  /** The original error. It never leaves the adapter: an operator sees only code and message. */
  readonly cause?: unknown;
}

/** Options of an error after which the delivery is retried. */
export interface RetryOptions extends AdapterErrorOptions {
  /**
   * The minimum delay before the next attempt, in milliseconds, at most 3,600,000 (larger values are cut). The hub never
   * retries before its own backoff. Absent, 0 or less: only the backoff applies.
   */
  readonly retryAfterMs?: number | undefined;
}

/** Options of `Throttled`. */
export interface ThrottledOptions extends RetryOptions {
  /**
   * Which deliveries wait: `lane`, all of the adapter; `delivery`, only this one and later events of its key, for a limit
   * per record or account. Absent: `lane`.
   */
  readonly scope?: ThrottleScope | undefined;
}

/** Options of `Misconfigured`. */
export interface MisconfiguredOptions extends AdapterErrorOptions {
  /** The path of the wrong field in the configuration, such as `baseUrl`. Absent: the whole configuration. */
  readonly path?: string | undefined;
}

/** The data of an error of the SDK, of this copy or another; see {@link isAdapterError}. */
export interface AdapterErrorData {
  /** The kind of the outcome. */
  readonly kind: FailureKind;
  /** See {@link AdapterErrorOptions.code}. */
  readonly code: string;
  /** A sentence for people, without payload or secret. */
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

/** A temporary failure: the delivery is retried, and the breaker counts the failure. Code: `RETRYABLE`. */
export class Retryable extends AdapterError {
  constructor(message: string, options: RetryOptions = {}) {
    super('Retryable', message, { ...options, kind: 'retryable', code: options.code ?? 'RETRYABLE' });
  }
}

/**
 * The external system limits the rate: retried after `retryAfterMs` (absent, 0 or less: 5 s); the breaker does not count it.
 * Until then all deliveries of the adapter wait, or with `scope: 'delivery'` only this one. Code: `THROTTLED`.
 */
export class Throttled extends AdapterError {
  constructor(message: string, options: ThrottledOptions = {}) {
    super('Throttled', message, { ...options, kind: 'throttled', code: options.code ?? 'THROTTLED' });
  }
}

/** The external system will never accept this event: a dead letter at once. Code: `PERMANENT`. */
export class Permanent extends AdapterError {
  constructor(message: string, options: AdapterErrorOptions = {}) {
    super('Permanent', message, { ...options, kind: 'permanent', code: options.code ?? 'PERMANENT' });
  }
}

/** The event is invalid, and nothing was sent: a dead letter at once. Code: `INVALID_EVENT`. */
export class InvalidEvent extends AdapterError {
  constructor(message: string, options: AdapterErrorOptions = {}) {
    super('InvalidEvent', message, { ...options, kind: 'permanent', code: options.code ?? 'INVALID_EVENT' });
  }
}

/** The configuration is wrong: the adapter is paused and keeps its queue until an operator fixes it. Code: `MISCONFIGURED`. */
export class Misconfigured extends AdapterError {
  constructor(message: string, options: MisconfiguredOptions = {}) {
    super('Misconfigured', message, { ...options, kind: 'misconfigured', code: options.code ?? 'MISCONFIGURED' });
  }
}

/** The credential is rejected: the adapter is paused and keeps its queue until an operator fixes it. Code: `UNAUTHORIZED`. */
export class Unauthorized extends AdapterError {
  constructor(message: string, options: AdapterErrorOptions = {}) {
    super('Unauthorized', message, { ...options, kind: 'unauthorized', code: options.code ?? 'UNAUTHORIZED' });
  }
}

/** Whether a value is an error of the SDK, of this copy or another. Never throws. */
export function isAdapterError(value: unknown): value is AdapterErrorData {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return ERROR_BRAND in value && value[ERROR_BRAND] === true;
  } catch {
    // A proxy whose traps throw is not one.
    return false;
  }
}

import { type JsonError, NESTING_MAX } from '@hms-sync/proto/json';
import { visibleLines } from '@hms-sync/proto/visible-text';
import type { WireError } from '@hms-sync/proto/wire';
import { AccessError } from '../access/access-error.ts';
import { CallerThrottled } from '../access/caller-limits.ts';
import type { FieldProblem } from '../core/event-rules.ts';

/**
 * Every reason for which a request is refused: the closed vocabulary of the edges. `code` is the gRPC status,
 * `httpStatus` the one on plain HTTP paths such as POST /sync. docs/errors.md lists them for callers, and a test holds
 * that list to this one.
 */
export const REQUEST_ERRORS = {
  /** No credential, and the hub serves nobody without one. */
  CREDENTIAL_MISSING: { code: 'unauthenticated', httpStatus: 401 },
  /** A credential that is not valid, or was revoked. */
  CREDENTIAL_REFUSED: { code: 'unauthenticated', httpStatus: 401 },
  CREDENTIAL_EXPIRED: { code: 'unauthenticated', httpStatus: 401 },
  /** The keys of the issuer of a JWT cannot be read; whether it is valid is unknown. */
  ISSUER_UNAVAILABLE: { code: 'unavailable', httpStatus: 503 },
  /** The database of the tokens cannot be reached; whether a token is valid, or was changed, is unknown. */
  TOKENS_UNAVAILABLE: { code: 'unavailable', httpStatus: 503 },
  /** The caller is known, and may not do it. */
  PERMISSION_DENIED: { code: 'permission_denied', httpStatus: 403 },
  /** What is asked of the tokens is not possible. */
  TOKEN_INVALID: { code: 'invalid_argument', httpStatus: 400 },
  TOKEN_NOT_FOUND: { code: 'not_found', httpStatus: 404 },
  TOKEN_EXISTS: { code: 'already_exists', httpStatus: 409 },
  /** The configuration file cannot be put into force; what was in force stays so. */
  CONFIG_INVALID: { code: 'failed_precondition', httpStatus: 409 },
  /** The caller is at a limit of its own. */
  CALLER_THROTTLED: { code: 'resource_exhausted', httpStatus: 429 },
  /** A field of the event is outside the contract's bounds. */
  EVENT_INVALID: { code: 'invalid_argument', httpStatus: 400 },
  /** The event's payload is larger than the operator allows. */
  EVENT_TOO_LARGE: { code: 'resource_exhausted', httpStatus: 413 },
  /** The id was used before by this source for other content. */
  EVENT_ID_CONFLICT: { code: 'already_exists', httpStatus: 409 },
  /** No event has this id, or it is past retention. */
  EVENT_NOT_FOUND: { code: 'not_found', httpStatus: 404 },
  /** Several sources have an event with this id, and the request names none of them. */
  EVENT_AMBIGUOUS: { code: 'invalid_argument', httpStatus: 400 },
  /** The request cannot be read, or a field of it, other than the event, is outside its bounds. */
  REQUEST_INVALID: { code: 'invalid_argument', httpStatus: 400 },
  /** The body of the HTTP request is of a media type or coding that the path does not accept. */
  REQUEST_TYPE_UNSUPPORTED: { code: 'invalid_argument', httpStatus: 415 },
  /** The body of the HTTP request is larger than the hub reads. */
  REQUEST_TOO_LARGE: { code: 'resource_exhausted', httpStatus: 413 },
  /** The body of the HTTP request did not arrive in time. */
  REQUEST_TOO_SLOW: { code: 'aborted', httpStatus: 408 },
  /** The cursor was not made by this hub's journal. */
  CURSOR_INVALID: { code: 'invalid_argument', httpStatus: 400 },
  /** The hub has no adapter of this id, and never had one. */
  ADAPTER_NOT_FOUND: { code: 'not_found', httpStatus: 404 },
  /** npm found no such package, or no such version of it. */
  PACKAGE_NOT_FOUND: { code: 'not_found', httpStatus: 404 },
  /** npm could not install it, or the store could not be written. Nothing was changed. */
  INSTALL_FAILED: { code: 'failed_precondition', httpStatus: 409 },
  /** That package, that version or that change of an adapter is not possible. What ran runs on. */
  ADAPTER_REFUSED: { code: 'failed_precondition', httpStatus: 409 },
  /** The adapter has deliveries that are not settled. */
  ADAPTER_UNSETTLED: { code: 'failed_precondition', httpStatus: 409 },
  /** No job has this id, or it is past retention. */
  JOB_NOT_FOUND: { code: 'not_found', httpStatus: 404 },
  /** As many replay jobs run, or as many clients watch, as may. */
  TOO_MANY_AT_ONCE: { code: 'resource_exhausted', httpStatus: 429 },
  /** The backup could not be written there; nothing was left behind. */
  BACKUP_REFUSED: { code: 'failed_precondition', httpStatus: 409 },
  /** The reader did not read its acks in time; metadata "cursor" is where to resume. */
  READER_TOO_SLOW: { code: 'aborted', httpStatus: 409 },
  /** The hub cannot write as fast as is published. 503: clients know to wait for Retry-After with it. Not UNAVAILABLE,
   * which clients' own policies try again at once, and which makes balancers believe that the hub is gone. */
  HUB_OVERLOADED: { code: 'resource_exhausted', httpStatus: 503 },
  /** There is no room on the hub's disk. 503 and not 507: clients know to wait for Retry-After with it. */
  JOURNAL_FULL: { code: 'resource_exhausted', httpStatus: 503 },
  /** The hub could not write; whether the event was accepted is unknown. */
  JOURNAL_FAILED: { code: 'unavailable', httpStatus: 503 },
  /** The audit log could not be written, so the change was not made. */
  AUDIT_FAILED: { code: 'unavailable', httpStatus: 503 },
  /** The hub that has the adapter, of those that share the journal, did not answer. */
  OWNER_UNAVAILABLE: { code: 'unavailable', httpStatus: 503 },
  /** The hub is stopping. */
  HUB_STOPPING: { code: 'unavailable', httpStatus: 503 },
  /** A fault of the hub's own; whether the request took effect is unknown. */
  HUB_FAILED: { code: 'internal', httpStatus: 500 },
} as const;

export type RequestErrorReason = keyof typeof REQUEST_ERRORS;

/** A field of a request that is outside its bounds. @param reason of a field of an event: EVENT_INVALID */
export function invalidField(
  field: string,
  description: string,
  reason: RequestErrorReason = 'REQUEST_INVALID',
): RequestError {
  return invalidFields([{ field, description }], reason);
}

/** Fields of a request that are outside their bounds, all at once. */
export function invalidFields(fields: readonly FieldProblem[], reason: RequestErrorReason): RequestError {
  const what = fields.map(({ field, description }) => `${field} ${description}`).join('; ');
  return new RequestError(reason, what, { fields });
}

/** As many of something run as may. Some come and go: about this long one takes. */
export function tooManyAtOnce(message: string): RequestError {
  return new RequestError('TOO_MANY_AT_ONCE', message, { retryAfterMs: 10_000 });
}

/** A request that is not carried out. The message is human-readable: what was wrong, where, what to do. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly reason: RequestErrorReason;
  /** Each wrong field, by its path from the request, such as "event.key". */
  readonly fields: readonly FieldProblem[];
  /** When trying again helps: after this long. */
  readonly retryAfterMs: number | undefined;
  /** More for programs. */
  readonly metadata: Readonly<Record<string, string>>;

  constructor(
    reason: RequestErrorReason,
    message: string,
    more: { fields?: readonly FieldProblem[]; retryAfterMs?: number; metadata?: Record<string, string> } = {},
  ) {
    // It may quote the request, and ends on terminals and in logs.
    super(visibleLines(message));
    this.reason = reason;
    this.fields = (more.fields ?? []).map(({ field, description }) => ({
      field: visibleLines(field),
      description: visibleLines(description),
    }));
    // Whole milliseconds: a clock has parts of one, and no protocol.
    this.retryAfterMs = more.retryAfterMs && Math.ceil(more.retryAfterMs);
    this.metadata = more.metadata ?? {};
  }

  /**
   * The error that a caller gets for anything that a handler threw. Any other error is a fault of the hub's own: its text
   * is for the log alone.
   */
  static of(error: unknown, onFault: (error: unknown) => void): RequestError {
    if (error instanceof RequestError) return error;
    if (error instanceof CallerThrottled) {
      const { message, retryAfterMs } = error;
      return new RequestError('CALLER_THROTTLED', message, { retryAfterMs });
    }
    if (error instanceof AccessError) {
      const { code, message, field } = error;
      return field === '' ? new RequestError(code, message) : invalidField(field, message, code);
    }
    onFault(error);
    return new RequestError(
      'HUB_FAILED',
      'the hub failed; whether an event was accepted is unknown: publish it again with the same id',
    );
  }
}

/**
 * How many values the JSON of a request may hold: four bytes for each in the largest payload. What protobuf makes of
 * each takes more than a microsecond, so this many are a tenth of a second.
 */
export const VALUES_MAX = 65_536;
/** The same in protobuf, where a member of a Struct has four fields. */
export const FIELDS_MAX = 4 * VALUES_MAX;
/** Of a request as a whole: enough to read one that is nested too deep and to refuse that event alone. */
export const REQUEST_NESTING_MAX = 4 * NESTING_MAX;

/** What of a request is the event: its names in the rpcs, in POST /sync and in CloudEvents. */
const EVENT = /^(?:events?|payload|data)(?:\.|$)/;

/**
 * Why a request is not read, in the words of the edges: with the field, and nothing of its content.
 *
 * @param whole what the sender calls the request as a whole
 */
export function unreadable(
  { code, path, message }: Pick<JsonError | WireError, 'code' | 'path' | 'message'>,
  whole = 'the request',
): RequestError {
  const description = code === 'too_deep' ? `is nested deeper than ${NESTING_MAX} levels; flatten it` : message;
  const reason = EVENT.test(path) ? 'EVENT_INVALID' : 'REQUEST_INVALID';
  return new RequestError(code === 'too_many' ? 'REQUEST_TOO_LARGE' : reason, `${path || whole} ${description}`, {
    fields: path === '' ? [] : [{ field: path, description }],
  });
}

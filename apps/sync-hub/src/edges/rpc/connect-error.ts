import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '@hms-sync/proto/google/rpc/error_details';
import type { RefusedSchema } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { type HubStop, requireLasting } from '../hub-stop.ts';
import { REQUEST_ERRORS, RequestError, type RequestErrorReason } from '../request-error.ts';
import { callerOf } from './caller.ts';

const DOMAIN = 'hms-sync';

const CODES: Readonly<Record<(typeof REQUEST_ERRORS)[RequestErrorReason]['code'], Code>> = {
  invalid_argument: Code.InvalidArgument,
  resource_exhausted: Code.ResourceExhausted,
  already_exists: Code.AlreadyExists,
  not_found: Code.NotFound,
  failed_precondition: Code.FailedPrecondition,
  aborted: Code.Aborted,
  unavailable: Code.Unavailable,
  internal: Code.Internal,
  unauthenticated: Code.Unauthenticated,
  permission_denied: Code.PermissionDenied,
};

/** A request error as the status that ends an rpc, with google.rpc details. */
export function toConnectError(rejection: RequestError): ConnectError {
  const { reason, fields, retryAfterMs, metadata } = rejection;
  const error = new ConnectError(
    rejection.message,
    CODES[REQUEST_ERRORS[reason].code],
    undefined,
    undefined,
    rejection,
  );
  error.details.push({ desc: ErrorInfoSchema, value: { reason, domain: DOMAIN, metadata: { ...metadata } } });
  if (fields.length > 0) {
    const fieldViolations = fields.map(({ field, description }) => ({ field, description, reason }));
    error.details.push({ desc: BadRequestSchema, value: create(BadRequestSchema, { fieldViolations }) });
  }
  if (retryAfterMs !== undefined) {
    error.details.push({ desc: RetryInfoSchema, value: { retryDelay: durationFromMs(retryAfterMs) } });
  }
  return error;
}

/** A request error as the result of one event of a stream. */
export function toRefusedMessage(rejection: RequestError): MessageInitShape<typeof RefusedSchema> {
  const { reason, fields, retryAfterMs } = rejection;
  return {
    code: CODES[REQUEST_ERRORS[reason].code],
    message: rejection.message,
    reason,
    fields: fields.map(({ field, description }) => ({ field, description })),
    ...(retryAfterMs !== undefined && { retryAfter: durationFromMs(retryAfterMs) }),
  };
}

/** What Node says while a request is read, or a message of its answer written, whose connection breaks just then. */
const CALLER_GONE: ReadonlySet<unknown> = new Set([
  'ECANCELED',
  'ECONNABORTED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTCONN',
  'EPIPE',
  'ETIMEDOUT',
  'ERR_HTTP2_INVALID_STREAM',
  'ERR_HTTP2_SESSION_ERROR',
  'ERR_HTTP2_STREAM_ERROR',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_WRITE_AFTER_END',
]);

/** Not a fault of the hub's own, and nobody is there to report it to. */
export function isCallerGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && CALLER_GONE.has(error.code);
}

/** Lets every handler know, by the signal of its caller, that the hub stops or that the caller's credential has ended. */
export function createStopInterceptor(stop: HubStop): Interceptor {
  return (next) => async (request) => {
    const { lifetime } = callerOf(request.contextValues);
    requireLasting(lifetime);
    return next({ ...request, signal: stop.endsWith(request.signal, lifetime) });
  };
}

/**
 * Gives every error that a handler throws, also in the middle of a stream, its status. What Connect throws itself, for
 * bytes that it cannot read or calls that were cancelled, stays as it is.
 */
export function createErrorInterceptor(onFault: (error: unknown) => void): Interceptor {
  const asStatus = (error: unknown) => {
    if (error instanceof ConnectError) return error;
    if (isCallerGone(error)) return new ConnectError('the caller has gone', Code.Canceled, undefined, undefined, error);
    return toConnectError(RequestError.of(error, onFault));
  };

  async function* rejecting<Message>(messages: AsyncIterable<Message>): AsyncIterable<Message> {
    try {
      yield* messages;
    } catch (error) {
      throw asStatus(error);
    }
  }

  return (next) => async (request) => {
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: rejecting(response.message) } : response;
    } catch (error) {
      throw asStatus(error);
    }
  };
}

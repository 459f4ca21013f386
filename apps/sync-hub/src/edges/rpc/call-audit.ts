import type { Message } from '@bufbuild/protobuf';
import { Code, ConnectError, type ContextValues, type HandlerContext, type Interceptor } from '@connectrpc/connect';
import { AccessError } from '../../access/access-error.ts';
import { CountPerMinute } from '../../access/count-per-minute.ts';
import type { Principal } from '../../access/principal.ts';
import type { AuditLog } from '../../audit/audit-log.ts';
import { AuditError, type AuditTarget, auditText, toAuditPrincipal } from '../../audit/audit-record.ts';
import type { RefusedCredentials } from '../../audit/refused-credentials.ts';
import { requireLasting } from '../hub-stop.ts';
import { RequestError } from '../request-error.ts';
import { auditedRpc } from './audited-rpcs.ts';
import { ADDRESS, CALLER, callerOf } from './caller.ts';
import { AUDITED, type Needed, neededFor } from './rpc-permissions.ts';

/** A disk that is full is not emptied in a moment. */
const RETRY_AFTER_MS = 30_000;
/** Refused calls of one caller in a minute that get a record each. */
const REFUSALS_RECORDED = 20;

interface Refused {
  readonly needed: Needed | undefined;
  readonly refusal: RequestError;
}

/** What is of one kind in a handler's context and in an interceptor's request. */
interface Call {
  readonly service: { readonly typeName: string };
  readonly method: { readonly name: string; readonly localName: string };
}

/**
 * Writes the audit log's records of calls. The decision is on disk before a change is made: where it cannot be written,
 * there is no change.
 */
export class CallAudit {
  readonly #log: AuditLog;
  readonly #credentials: RefusedCredentials;
  readonly #refusals = new CountPerMinute(REFUSALS_RECORDED, () => performance.now());

  constructor(log: AuditLog, credentials: RefusedCredentials) {
    this.#log = log;
    this.#credentials = credentials;
  }

  /** A call that is not let in. It is refused whether there is a record of it or not. */
  async refused({ values, requestHeader, ...call }: HandlerContext, { needed, refusal }: Refused): Promise<void> {
    const caller = values.get(CALLER);
    if (caller === undefined) return this.#credentials.note(values.get(ADDRESS), refusal.reason);
    if (needed !== undefined && !AUDITED.has(needed)) return;
    // Whoever tries it in a loop must not fill the disk: after some it is counted, with the minute's wrong credentials.
    if (this.#refusals.note(`${caller.kind} ${caller.name}`) > 0) {
      return this.#credentials.note(values.get(ADDRESS), refusal.reason);
    }
    const decision = { event: 'request', decision: 'refused', why: refusal.reason, permission: needed ?? '' } as const;
    const record = { ...decision, ...factsOf(call, { values, caller }), ...traceOf(requestHeader) };
    await this.#log.record(record).catch(() => undefined);
  }

  /** Records audited calls: the decision before their handlers run, the outcome before their answers are sent. */
  readonly interceptor: Interceptor = (next) => async (request) => {
    const { typeName } = request.service;
    const rpc = auditedRpc(typeName, request.method.localName);
    if (rpc === undefined || request.stream) return next(request);
    const target = rpc.target(request.message, (key) => this.#log.hashedKey(key));
    if (target === undefined) return next(request);
    const facts = factsOf(request, { values: request.contextValues, caller: callerOf(request.contextValues) });
    const permission = neededFor(typeName, request.method.localName) ?? '';
    const trace = { ...reasonOf(request.message), ...traceOf(request.header) };
    const { lifetime } = callerOf(request.contextValues);
    const of = await this.#decided({ event: 'request', decision: 'allowed', permission, ...facts, target, ...trace });
    // Of a log that fails just now, the hub's log says so: the change is made, and its caller learns of it.
    const ended = (code: string, result?: AuditTarget) =>
      this.#log.record({ event: 'outcome', of, ...facts, code, ...(result && { result }) }).catch(() => undefined);
    const run = async () => {
      // It may have been revoked while the decision was written.
      requireLasting(lifetime);
      return next(request);
    };
    const response = await run().catch(async (error: unknown) => {
      await ended(codeOf(error));
      throw error;
    });
    await ended('OK', response.stream ? undefined : rpc.result?.(response.message));
    return response;
  };

  /** @throws {RequestError} AUDIT_FAILED */
  async #decided(entry: Parameters<AuditLog['record']>[0]): Promise<number> {
    try {
      return await this.#log.record(entry);
    } catch (error) {
      if (!(error instanceof AuditError)) throw error;
      const message = `${error.message}; nothing was changed, since the hub makes no change that it cannot record: repeat the request once it can`;
      throw new RequestError('AUDIT_FAILED', message, { retryAfterMs: RETRY_AFTER_MS });
    }
  }
}

function factsOf({ service, method }: Call, { values, caller }: { values: ContextValues; caller: Principal }) {
  const rpc = `${service.typeName}/${method.name}`;
  return { principal: toAuditPrincipal(caller), address: values.get(ADDRESS), rpc };
}

function reasonOf(message: Message): { reason?: string } {
  const { reason } = message as { reason?: string };
  return reason ? { reason: auditText(reason) } : {};
}

const REQUEST_ID = /^[\w.:/+=-]{1,128}$/;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** By which a caller finds the request in its own logs; what has another form is left out. */
function traceOf(header: Headers): { request_id?: string; traceparent?: string } {
  const requestId = header.get('x-request-id') ?? '';
  const traceparent = header.get('traceparent') ?? '';
  return {
    ...(REQUEST_ID.test(requestId) && { request_id: auditText(requestId) }),
    ...(TRACEPARENT.test(traceparent) && { traceparent }),
  };
}

/** As docs/errors.md has it, or the status of what Connect throws itself. */
function codeOf(error: unknown): string {
  if (error instanceof RequestError) return error.reason;
  if (error instanceof AccessError) return error.code;
  if (!(error instanceof ConnectError)) return 'HUB_FAILED';
  return error.cause instanceof RequestError ? error.cause.reason : (Code[error.code] ?? 'Unknown').toUpperCase();
}

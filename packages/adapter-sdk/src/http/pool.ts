import { Pool } from 'undici';
import { Misconfigured, Permanent, Retryable } from '../adapter-error.ts';
import { connectionFailure } from '../connection-failure.ts';
import type { CheckResult, PushContext } from '../context.ts';
import { DELIVERY_BOUNDS } from '../delivery.ts';
import { codeOf, nameOf } from '../outcome-of.ts';
import { type HttpAnswer, receiptOf } from './answer.ts';
import { parseBaseUrl } from './base-url.ts';
import { readBounded } from './body.ts';
import { type Headers, poolHeaders } from './request-headers.ts';
import { signer } from './signature.ts';

/** How a pool talks to its external system. */
export interface PoolOptions {
  /** Sent as `authorization: Bearer <token>`. Visible ASCII. */
  readonly token?: string | undefined;
  /** Signs every `post` by Standard Webhooks: `whsec_` and base64. */
  readonly signingSecret?: string | undefined;
  /** Connections at a time, each with one request. Absent: as many as there are attempts, at most 1,024. */
  readonly connections?: number | undefined;
  /** Sent with every request. */
  readonly headers?: Headers | undefined;
}

/** What a `post` takes from the context of a `push`. */
export type PostContext = Pick<PushContext<unknown>, 'idempotencyKey' | 'traceparent' | 'signal'>;

/** What is particular to one `post`. */
export interface PostOptions {
  /** Absent: `application/json`. */
  readonly contentType?: string | undefined;
  /** Go before the pool's headers. */
  readonly headers?: Headers | undefined;
}

/** One request, for authors to whom `post` says too much. */
export interface HttpRequest {
  /** Such as `GET`. */
  readonly method: string;
  /** Is put after the base URL; empty or beginning with `/`; may have a query. */
  readonly path: string;
  /** Go before the pool's headers. */
  readonly headers?: Headers | undefined;
  /** Absent: none. */
  readonly body?: string | Uint8Array | undefined;
  /** Ends the request, the reading of its body included. */
  readonly signal: AbortSignal;
}

/**
 * Connections to one external system. TLS certificates are verified, redirects are never followed, nothing is retried
 * here (that is the hub's part), and a body is read to 64 KiB at most.
 */
export interface HttpPool {
  /**
   * Posts a body and returns the receipt: the text of a 2xx answer. Sends `content-type`, `idempotency-key`,
   * `traceparent` when the event has one, the bearer token, and `webhook-id`, `webhook-timestamp` and
   * `webhook-signature` when there is a signing secret.
   *
   * @throws what {@link receiptOf} says for an answer, and what {@link HttpPool.request} throws.
   */
  post(path: string, body: string | Uint8Array, context: PostContext, options?: PostOptions): Promise<string>;
  /**
   * Sends one request and returns whatever was answered.
   *
   * @throws Retryable when no whole answer came, with the code of Node or undici (`ECONNREFUSED`, `UND_ERR_SOCKET`) or
   * `ABORTED`; Permanent (`INVALID_REQUEST`) when the path or a header cannot be sent.
   */
  request(request: HttpRequest): Promise<HttpAnswer>;
  /** Asks for the headers of the base URL: results `reach` and `credentials`. Changes nothing there. Never rejects. */
  check(context: { readonly signal: AbortSignal }): Promise<readonly CheckResult[]>;
  /** Lets running requests end, takes no more and closes the connections. */
  close(): Promise<void>;
}

/** A pool, and the means to end it without waiting. */
export interface OwnedPool {
  readonly pool: HttpPool;
  /** Breaks running requests off and closes the connections. */
  destroy(): Promise<void>;
}

/** Opens a pool. @throws Misconfigured that names the option that is wrong. */
export function openPool(baseUrl: string, options: PoolOptions, userAgent: string): OwnedPool {
  const { origin, pathPrefix } = parseBaseUrl(baseUrl);
  const sign = options.signingSecret === undefined ? undefined : signer(options.signingSecret);
  const common = poolHeaders({ headers: options.headers ?? {}, token: options.token, userAgent });
  const connections = new Pool(origin, {
    connections: connectionsMax(options.connections),
    // One request a connection: a reset or an answer that stalls then harms one delivery, not its neighbours.
    pipelining: 1,
    allowH2: false,
    // The attempt's signal ends a request. These only catch a request whose author forgot the signal.
    headersTimeout: DELIVERY_BOUNDS.timeoutMs.max,
    bodyTimeout: DELIVERY_BOUNDS.timeoutMs.max,
  });

  async function request({ method, path, headers, body, signal }: HttpRequest): Promise<HttpAnswer> {
    try {
      const answer = await connections.request({
        method,
        path: `${pathPrefix}${path}` || '/',
        headers: { ...common, ...lowerCased(headers) },
        body: body ?? null,
        signal,
      });
      return { status: answer.statusCode, headers: answer.headers, body: await readBounded(answer.body), origin };
    } catch (error) {
      throw transportError(error, origin, signal);
    }
  }

  const pool: HttpPool = {
    request,
    post: async (path, body, { idempotencyKey, traceparent, signal }, { contentType, headers } = {}) => {
      const bytes = asBuffer(body);
      return receiptOf(
        await request({
          method: 'POST',
          path,
          headers: {
            'content-type': contentType ?? 'application/json',
            'idempotency-key': idempotencyKey,
            ...(traceparent !== undefined && { traceparent }),
            ...sign?.(idempotencyKey, bytes),
            ...lowerCased(headers),
          },
          body: bytes,
          signal,
        }),
      );
    },
    check: async ({ signal }) => {
      try {
        return checkResults(await request({ method: 'HEAD', path: '', signal }));
      } catch (error) {
        const message = error instanceof Error ? error.message : nameOf(error);
        return [{ name: 'reach', ok: false, message }];
      }
    },
    close: () => (connections.closed ? Promise.resolve() : connections.close()),
  };
  return { pool, destroy: () => (connections.destroyed ? Promise.resolve() : connections.destroy()) };
}

/** As many as the hub could use at once, unless the external system wants fewer. */
function connectionsMax(asked: number | undefined): number {
  const { min, max } = DELIVERY_BOUNDS.concurrency;
  if (asked === undefined) return max;
  if (Number.isInteger(asked) && asked >= min && asked <= max) return asked;
  throw new Misconfigured(`connections must be a whole number from ${min} to ${max}`, { path: 'connections' });
}

function transportError(error: unknown, origin: string, signal: AbortSignal): Error {
  // Whatever an aborted request rejects with, the reason is the abort.
  const code = signal.aborted ? 'ABORTED' : (codeOf(error) ?? 'UNKNOWN_ERROR');
  if (code === 'UND_ERR_INVALID_ARG') {
    return new Permanent('the request cannot be sent: its path or a header holds what HTTP cannot carry', {
      code: 'INVALID_REQUEST',
      cause: error,
    });
  }
  const sentence = connectionFailure(code) ?? 'the answer could not be read';
  return new Retryable(`${sentence} (${code}, ${origin})`, { code, cause: error });
}

function checkResults({ status, origin }: HttpAnswer): readonly CheckResult[] {
  const message = `${origin} answers HTTP ${status}`;
  const refused = status === 401 || status === 403;
  return [
    { name: 'reach', ok: status < 500, message },
    {
      name: 'credentials',
      ok: !refused,
      message: refused ? `${message}: the credential is refused; replace it` : `not refused (HTTP ${status})`,
    },
  ];
}

/** One spelling of each name, so that a header that goes before another replaces it. */
function lowerCased(headers: Headers | undefined): Headers {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
}

function asBuffer(body: string | Uint8Array): Buffer {
  return typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

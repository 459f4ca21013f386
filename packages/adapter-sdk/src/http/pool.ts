import { isAdapterError, Misconfigured } from '../adapter-error.ts';
import type { CheckResult } from '../check-result.ts';
import { DELIVERY_BOUNDS } from '../delivery.ts';
import { nameOf } from '../outcome-of.ts';
import { type HttpAnswer, receiptOf } from './answer.ts';
import { parseBaseUrl } from './base-url.ts';
import { openConnections } from './connections.ts';
import type { OAuthOptions } from './oauth.ts';
import { type Headers, poolHeaders } from './request-headers.ts';
import { signer } from './signature.ts';
import { connectOptions, type TlsOptions } from './tls.ts';
import { openTokenSource } from './token-source.ts';

/** Options of a pool. */
export interface PoolOptions {
  /** Sent as `authorization: Bearer <token>`. Visible ASCII. */
  readonly token?: string | undefined;
  /** Instead of `token`: access tokens by OAuth 2.0 client credentials. */
  readonly oauth?: OAuthOptions | undefined;
  /** CAs and a client certificate, for the system and the token endpoint. */
  readonly tls?: TlsOptions | undefined;
  /** Signs every `post` as Standard Webhooks specifies: `whsec_` and base64. */
  readonly signingSecret?: string | undefined;
  /** Connections at a time, each with one request. Absent: as many as attempts, at most 1,024. */
  readonly connections?: number | undefined;
  /** Sent with every request. */
  readonly headers?: Headers | undefined;
}

/** The part of a push context that `post` uses. */
export interface PostContext {
  /** Sent as `idempotency-key`. */
  readonly idempotencyKey: string;
  /** Sent as `traceparent`. Undefined: not sent. */
  readonly traceparent: string | undefined;
  /** Ends the request. */
  readonly signal: AbortSignal;
}

/** Options of one `post`. */
export interface PostOptions {
  /** Absent: `application/json`. */
  readonly contentType?: string | undefined;
  /** Take precedence over the pool's headers. */
  readonly headers?: Headers | undefined;
}

/** One request, when `post` does not fit. */
export interface HttpRequest {
  /** Such as `GET`. */
  readonly method: string;
  /** Appended to the base URL: empty or beginning with `/`; may have a query. */
  readonly path: string;
  /** Take precedence over the pool's headers. */
  readonly headers?: Headers | undefined;
  /** Absent: none. */
  readonly body?: string | Uint8Array | undefined;
  /** Aborts the request, also while its response is read. */
  readonly signal: AbortSignal;
}

/**
 * Connections to one external system. TLS certificates are verified, redirects are never followed, the pool retries nothing
 * (the hub does), and at most 64 KiB of a body are read.
 */
export interface HttpPool {
  /**
   * Posts a body and returns the receipt: the text of a 2xx response. Sends `content-type`, `idempotency-key`,
   * `traceparent` when the event has one, the bearer token, and `webhook-id`, `webhook-timestamp` and
   * `webhook-signature` when there is a signing secret.
   *
   * @throws the errors of {@link receiptOf} and {@link HttpPool.request}.
   */
  post(path: string, body: string | Uint8Array, context: PostContext, options?: PostOptions): Promise<string>;
  /**
   * Sends one request and returns its response, whatever the status.
   *
   * @throws Retryable when no complete response arrived, with the code of Node (`ECONNREFUSED`, `ECONNRESET`) or
   * `ABORTED`; Permanent (`INVALID_REQUEST`) when the path or a header cannot be sent.
   */
  request(request: HttpRequest): Promise<HttpAnswer>;
  /** Sends HEAD to the base URL: results `reach` and `credentials`. Changes nothing there. Never rejects. */
  check(context: { readonly signal: AbortSignal }): Promise<readonly CheckResult[]>;
  /** Waits for running requests, accepts no new ones, and closes the connections. */
  close(): Promise<void>;
}

/** A pool, and how to close it without waiting. */
export interface OwnedPool {
  readonly pool: HttpPool;
  /** Aborts running requests and closes the connections. */
  destroy(): void;
}

/** The owner of a pool. */
export interface PoolOwner {
  readonly userAgent: string;
  /** Called with every access token, so that it can be redacted. */
  readonly onToken: (token: string) => void;
}

/** Opens a pool. @throws Misconfigured that names the wrong option. */
export function openPool(baseUrl: string, options: PoolOptions, { userAgent, onToken }: PoolOwner): OwnedPool {
  const { origin, pathPrefix } = parseBaseUrl(baseUrl);
  const sign = options.signingSecret === undefined ? undefined : signer(options.signingSecret);
  const common = poolHeaders({ headers: options.headers ?? {}, token: options.token, userAgent });
  if (options.oauth !== undefined && options.token !== undefined) {
    throw new Misconfigured('oauth replaces token; set only one of them', { path: 'oauth' });
  }
  const connect = options.tls === undefined ? {} : connectOptions(options.tls, new URL(origin).protocol);
  const tokens = options.oauth && openTokenSource(options.oauth, { userAgent, connect, onToken });
  const connections = openConnections(origin, { connect, connections: connectionsMax(options.connections) });

  async function request(asked: HttpRequest): Promise<HttpAnswer> {
    if (tokens === undefined) return send(asked, common);
    const token = await tokens.token(asked.signal);
    const answer = await send(asked, { ...common, authorization: `Bearer ${token}` });
    // The token may have been revoked. The system accepted nothing, so the request can be sent again, once.
    if (answer.status !== 401 || !tokens.refused(token)) return answer;
    return send(asked, { ...common, authorization: `Bearer ${await tokens.token(asked.signal)}` });
  }

  async function send({ method, path, headers, body, signal }: HttpRequest, first: Headers): Promise<HttpAnswer> {
    const answer = await connections.request({
      method,
      path: `${pathPrefix}${path}` || '/',
      headers: { ...first, ...lowerCased(headers) },
      body,
      signal,
    });
    return { ...answer, origin };
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
        const refused = isAdapterError(error) && (error.kind === 'unauthorized' || error.kind === 'misconfigured');
        return [{ name: refused ? 'credentials' : 'reach', ok: false, message }];
      }
    },
    close: async () => {
      await connections.close();
      await tokens?.close();
    },
  };
  const destroy = () => {
    connections.destroy();
    tokens?.destroy();
  };
  return { pool, destroy };
}

/** By default as many as the hub can use at once. */
function connectionsMax(asked: number | undefined): number {
  const { min, max } = DELIVERY_BOUNDS.concurrency;
  if (asked === undefined) return max;
  if (Number.isInteger(asked) && asked >= min && asked <= max) return asked;
  throw new Misconfigured(`connections must be a whole number from ${min} to ${max}`, { path: 'connections' });
}

function checkResults({ status, origin }: HttpAnswer): readonly CheckResult[] {
  const message = `${origin} answers HTTP ${status}`;
  const refused = status === 401 || status === 403;
  return [
    { name: 'reach', ok: status < 500, message },
    {
      name: 'credentials',
      ok: !refused,
      message: refused ? `${message}: the credential is rejected; replace it` : `not rejected (HTTP ${status})`,
    },
  ];
}

/** With names in lower case, so that a header replaces one of the same name. */
function lowerCased(headers: Headers | undefined): Headers {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
}

function asBuffer(body: string | Uint8Array): Buffer {
  return typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

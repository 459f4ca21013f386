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

/** How a pool talks to its external system. */
export interface PoolOptions {
  /** Sent as `authorization: Bearer <token>`. Visible ASCII. */
  readonly token?: string | undefined;
  /** Asks for access tokens and sends them instead of `token`: OAuth 2.0 client credentials. */
  readonly oauth?: OAuthOptions | undefined;
  /** Whom to trust and which client certificate to show, to the system and to the token endpoint alike. */
  readonly tls?: TlsOptions | undefined;
  /** Signs every `post` by Standard Webhooks: `whsec_` and base64. */
  readonly signingSecret?: string | undefined;
  /** Connections at a time, each with one request. Absent: as many as there are attempts, at most 1,024. */
  readonly connections?: number | undefined;
  /** Sent with every request. */
  readonly headers?: Headers | undefined;
}

/** What a `post` uses of the context of a `push`. */
export interface PostContext {
  /** Sent as `idempotency-key`. */
  readonly idempotencyKey: string;
  /** Sent as `traceparent`. Undefined: not sent. */
  readonly traceparent: string | undefined;
  /** Ends the request. */
  readonly signal: AbortSignal;
}

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
   * @throws Retryable when no whole answer came, with the code of Node (`ECONNREFUSED`, `ECONNRESET`) or
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
  destroy(): void;
}

/** Who opens a pool. */
export interface PoolOwner {
  readonly userAgent: string;
  /** Called with every access token, so that it can be redacted. */
  readonly onToken: (token: string) => void;
}

/** Opens a pool. @throws Misconfigured that names the option that is wrong. */
export function openPool(baseUrl: string, options: PoolOptions, { userAgent, onToken }: PoolOwner): OwnedPool {
  const { origin, pathPrefix } = parseBaseUrl(baseUrl);
  const sign = options.signingSecret === undefined ? undefined : signer(options.signingSecret);
  const common = poolHeaders({ headers: options.headers ?? {}, token: options.token, userAgent });
  if (options.oauth !== undefined && options.token !== undefined) {
    throw new Misconfigured('oauth takes the place of token; give one of them', { path: 'oauth' });
  }
  const connect = options.tls === undefined ? {} : connectOptions(options.tls, new URL(origin).protocol);
  const tokens = options.oauth && openTokenSource(options.oauth, { userAgent, connect, onToken });
  const connections = openConnections(origin, { connect, connections: connectionsMax(options.connections) });

  async function request(asked: HttpRequest): Promise<HttpAnswer> {
    if (tokens === undefined) return send(asked, common);
    const token = await tokens.token(asked.signal);
    const answer = await send(asked, { ...common, authorization: `Bearer ${token}` });
    // Revoked before its time, perhaps. The system took nothing, so it may be asked again, once.
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

/** As many as the hub could use at once, unless the external system wants fewer. */
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

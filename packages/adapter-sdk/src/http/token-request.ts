import { isAdapterError, Misconfigured, Retryable, Throttled, Unauthorized } from '../adapter-error.ts';
import type { HttpAnswer } from './answer.ts';
import type { Connections } from './connections.ts';
import type { ClientCredential, OAuthOptions } from './oauth.ts';
import { retryAfterMs } from './retry-after.ts';
import { outcomeOfStatus } from './status-rule.ts';

/** Less than the 10 s of an attempt, which waits for the token. */
const TOKEN_TIMEOUT_MS = 8_000;
/** SMART Backend Services allows five minutes; one less tolerates clock skew. */
const ASSERTION_LIFE_S = 240;
/** A day. */
const LIFE_MAX_S = 86_400;

/** The error codes of RFC 6749, 5.2: those that reject the client, and those that reject its request. */
const REJECTIONS = new Set(['invalid_client', 'unauthorized_client', 'invalid_grant', 'access_denied']);
const MISTAKES = new Set(['invalid_request', 'invalid_scope', 'unsupported_grant_type', 'invalid_target']);

/** A token that an endpoint issued. */
export interface AccessToken {
  /** Sent as bearer token. */
  readonly token: string;
  /** How long it is valid, in seconds, above 0 and at most a day; undefined when the endpoint does not say. */
  readonly lifeS: number | undefined;
}

/** Where a token is requested, and by whom. */
export interface TokenEndpoint {
  /** To the origin of `tokenUrl`. */
  readonly connections: Connections;
  readonly credential: ClientCredential;
  readonly userAgent: string;
}

/**
 * Requests one token. Messages contain status, origin and the error's code, never its description or the body, which may
 * quote the request.
 *
 * | response | error |
 * |---|---|
 * | none within 8 s, or a status that is retryable or throttled for `post` too | `Retryable`, `Throttled` |
 * | `invalid_client`, `unauthorized_client`, `invalid_grant`, or 401 and 403 | `Unauthorized` |
 * | any other 3xx or 4xx, or a 2xx without a bearer token | `Misconfigured` |
 */
export async function requestToken(options: OAuthOptions, endpoint: TokenEndpoint): Promise<AccessToken> {
  // Loaded on demand: most adapters never need it, and start faster without it.
  const oauth = await import('oauth4webapi');
  const { tokenUrl, clientId, scope, parameters } = options;
  const { origin, pathname, search } = new URL(tokenUrl);
  // The library uses the issuer as the audience of an assertion; for SMART that is the endpoint.
  const server = { issuer: tokenUrl, token_endpoint: tokenUrl };
  const client = { client_id: clientId };

  async function send(_url: string, { headers, body }: { headers: Record<string, string>; body: unknown }) {
    const signal = AbortSignal.timeout(TOKEN_TIMEOUT_MS);
    const path = `${pathname}${search}`;
    const answer = await endpoint.connections.request({ method: 'POST', path, headers, body: String(body), signal });
    const { access_token, token_type = 'bearer', expires_in, error } = jsonFields(answer.body);
    if (answer.status >= 300) throw rejection({ ...answer, origin }, error);
    // Some endpoints omit the type, or send a lifetime as text, or 0. The other fields are dropped: they may be invalid.
    const lifeS = Number(expires_in);
    return Response.json({ access_token, token_type, expires_in: lifeS > 0 ? Math.min(lifeS, LIFE_MAX_S) : undefined });
  }

  function authentication() {
    const { credential } = endpoint;
    switch (credential.by) {
      case 'basic':
        return oauth.ClientSecretBasic(credential.clientSecret);
      case 'post':
        return oauth.ClientSecretPost(credential.clientSecret);
      case 'private_key_jwt':
        return oauth.PrivateKeyJwt(credential, {
          [oauth.modifyAssertion]: (header, claims) => {
            header.typ = 'JWT';
            claims.exp = Number(claims.iat) + ASSERTION_LIFE_S;
            // With clock skew, an assertion with nbf might not be valid yet.
            claims.nbf = undefined;
          },
        });
      default:
        return credential satisfies never;
    }
  }

  try {
    const form = { ...(scope !== undefined && { scope }), ...parameters };
    const answer = await oauth.clientCredentialsGrantRequest(server, client, authentication(), form, {
      [oauth.customFetch]: send,
      [oauth.allowInsecureRequests]: true,
      headers: { 'user-agent': endpoint.userAgent },
    });
    const { token_type, access_token, expires_in } = await oauth.processClientCredentialsResponse(
      server,
      client,
      answer,
    );
    // A header can contain only visible ASCII.
    if (token_type === 'bearer' && /^[\x21-\x7e]+$/.test(access_token))
      return { token: access_token, lifeS: expires_in };
  } catch (error) {
    // Errors of the library contain the response.
    if (isAdapterError(error)) throw error;
  }
  const path = 'oauth.tokenUrl';
  throw new Misconfigured(`${origin} issued no bearer token; correct ${path}`, { code: 'OAUTH_NO_TOKEN', path });
}

function jsonFields(body: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    // The page of a proxy, for example: its status decides.
    return {};
  }
}

/** The error for a response other than 2xx. @param error its code in RFC 6749, 5.2. */
function rejection({ status, headers, origin }: HttpAnswer, error: unknown): Error {
  const seen = `HTTP ${status} from the token endpoint at ${origin}`;
  const code = `OAUTH_HTTP_${status}`;
  const waitMs = retryAfterMs(headers['retry-after'], Date.now());
  const outcome = outcomeOfStatus(status, waitMs);
  if (outcome === 'throttled') return new Throttled(seen, { code, retryAfterMs: waitMs });
  if (outcome === 'retryable') return new Retryable(seen, { code, retryAfterMs: waitMs });
  if (typeof error === 'string' && REJECTIONS.has(error)) {
    const what = `${seen}: ${error}; replace the client's credential, or authorize the client there`;
    return new Unauthorized(what, { code: `OAUTH_${error.toUpperCase()}` });
  }
  if (typeof error === 'string' && MISTAKES.has(error)) {
    const path = error === 'invalid_scope' ? 'oauth.scope' : 'oauth';
    return new Misconfigured(`${seen}: ${error}; correct ${path}`, { code: `OAUTH_${error.toUpperCase()}`, path });
  }
  if (status === 401 || status === 403) {
    return new Unauthorized(`${seen}: the client's credential is rejected; replace it`, { code });
  }
  return new Misconfigured(`${seen}: correct oauth.tokenUrl`, { code, path: 'oauth.tokenUrl' });
}

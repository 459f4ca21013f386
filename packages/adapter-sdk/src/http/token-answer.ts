import { Misconfigured, Retryable, Throttled, Unauthorized } from '../adapter-error.ts';
import type { HttpAnswer } from './answer.ts';
import { retryAfterMs } from './retry-after.ts';
import { outcomeOfStatus } from './status-rule.ts';

/** What a token endpoint gave out. */
export interface AccessToken {
  /** Sent as bearer token. */
  readonly token: string;
  /** How long it may be used, in seconds; undefined when it was not said. */
  readonly lifeS: number | undefined;
}

/** The errors of RFC 6749, 5.2, that say: this client is not let in. The others say: it asks wrongly. */
const refusals = new Set(['invalid_client', 'unauthorized_client', 'invalid_grant', 'access_denied']);
const mistakes = new Set(['invalid_request', 'invalid_scope', 'unsupported_grant_type', 'invalid_target']);

/**
 * Reads what a token endpoint answered. Messages tell status, origin and the error's word, never its description or
 * the body: they may repeat what was sent.
 *
 * | answer | error |
 * |---|---|
 * | what `post` takes for throttled or retryable | `Throttled`, `Retryable` |
 * | `invalid_client`, `unauthorized_client`, `invalid_grant`, or 401 and 403 | `Unauthorized` |
 * | any other 3xx or 4xx, or a 2xx without a bearer token | `Misconfigured` |
 */
export function accessTokenOf(answer: HttpAnswer): AccessToken {
  const { status, origin } = answer;
  const seen = `HTTP ${status} from the token endpoint at ${origin}`;
  const code = `OAUTH_HTTP_${status}`;
  const fields = jsonFields(answer.body);
  if (status >= 200 && status < 300) return bearerToken(fields, seen);

  const waitMs = retryAfterMs(answer.headers['retry-after'], Date.now());
  const outcome = outcomeOfStatus(status, waitMs);
  if (outcome === 'throttled') throw new Throttled(seen, { code, retryAfterMs: waitMs });
  if (outcome === 'retryable') throw new Retryable(seen, { code, retryAfterMs: waitMs });

  const word = typeof fields.error === 'string' ? fields.error : '';
  if (refusals.has(word)) {
    const what = `${seen}: ${word}; replace the client's credential, or let it in there`;
    throw new Unauthorized(what, { code: `OAUTH_${word.toUpperCase()}` });
  }
  if (mistakes.has(word)) {
    const path = word === 'invalid_scope' ? 'oauth.scope' : 'oauth';
    throw new Misconfigured(`${seen}: ${word}; correct ${path}`, { code: `OAUTH_${word.toUpperCase()}`, path });
  }
  if (status === 401 || status === 403) {
    throw new Unauthorized(`${seen}: the client's credential is refused; replace it`, { code });
  }
  throw new Misconfigured(`${seen}: correct oauth.tokenUrl`, { code, path: 'oauth.tokenUrl' });
}

function bearerToken(fields: Readonly<Record<string, unknown>>, seen: string): AccessToken {
  const { access_token: token, token_type: type, expires_in: life } = fields;
  // Visible ASCII is what a header can carry.
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) {
    const what = `${seen}: there is no access_token in it; correct oauth.tokenUrl`;
    throw new Misconfigured(what, { code: 'OAUTH_NO_TOKEN', path: 'oauth.tokenUrl' });
  }
  if (typeof type === 'string' && type.toLowerCase() !== 'bearer') {
    throw new Misconfigured(`${seen}: the token is of a type other than bearer`, {
      code: 'OAUTH_NO_TOKEN',
      path: 'oauth',
    });
  }
  // Some send it as text.
  const lifeS = Number(life);
  return { token, lifeS: life === undefined || !(lifeS > 0) ? undefined : lifeS };
}

function jsonFields(body: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    // A page of a proxy, say. Its status tells what can be told.
    return {};
  }
}

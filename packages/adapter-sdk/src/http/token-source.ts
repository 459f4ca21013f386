import { Retryable } from '../adapter-error.ts';
import { readBounded } from './body.ts';
import { openConnections } from './connections.ts';
import { clientCredential, type OAuthOptions } from './oauth.ts';
import type { ConnectOptions } from './tls.ts';
import { type AccessToken, accessTokenOf } from './token-answer.ts';
import { tokenRequest } from './token-request.ts';
import { transportError } from './transport-error.ts';

/** Asking for a token is part of every attempt that waits for it, and theirs is 10 s by default. */
const TOKEN_TIMEOUT_MS = 8_000;
/** What a request may take on its way, so that a token does not expire there; at most half of a short life. */
const EXPIRY_MARGIN_S = 30;
/** SMART Backend Services' advice for the life of a token, for endpoints that do not say. */
const LIFE_DEFAULT_S = 300;

/** What a token source needs besides its options. */
export interface TokenSourceParts {
  readonly userAgent: string;
  /** How the token endpoint is reached by TLS. */
  readonly connect: ConnectOptions;
  /** Told of every token, so that it is taken out of what people read. */
  readonly onToken: (token: string) => void;
}

/** Access tokens of one client: one is kept until shortly before it expires, and asked for once however many wait. */
export interface TokenSource {
  /**
   * The token to send now.
   *
   * @throws what {@link accessTokenOf} says for an answer; Retryable when none came, or with `ABORTED`.
   */
  token(signal: AbortSignal): Promise<string>;
  /** Asks for another one next time, because this one was refused. One that was replaced meanwhile changes nothing. */
  forget(token: string): void;
  /** Lets a running request end and closes the connection. */
  close(): Promise<void>;
  /** Breaks a running request off. */
  destroy(): Promise<void>;
}

/** Opens a token source; nothing is asked yet. @throws Misconfigured that names the option that is wrong. */
export function openTokenSource(options: OAuthOptions, { userAgent, connect, onToken }: TokenSourceParts): TokenSource {
  const credential = clientCredential(options);
  const { origin, pathname, search } = new URL(options.tokenUrl);
  const connection = openConnections(origin, { connections: 1, allowH2: false, connect });
  let current: { readonly token: string; readonly endsAtMs: number } | undefined;
  let asking: Promise<string> | undefined;

  async function ask(): Promise<string> {
    const answer = accessTokenOf(await post());
    const lifeS = answer.lifeS ?? LIFE_DEFAULT_S;
    onToken(answer.token);
    current = { token: answer.token, endsAtMs: performance.now() + usableS({ ...answer, lifeS }) * 1000 };
    return answer.token;
  }

  async function post() {
    const { headers, body } = await tokenRequest(options, credential);
    const signal = AbortSignal.timeout(TOKEN_TIMEOUT_MS);
    try {
      const answer = await connection.request({
        method: 'POST',
        path: `${pathname}${search}`,
        headers: { 'user-agent': userAgent, ...headers },
        body,
        signal,
      });
      return { status: answer.statusCode, headers: answer.headers, body: await readBounded(answer.body), origin };
    } catch (error) {
      throw transportError(error, origin, signal.aborted ? 'TIMEOUT' : undefined);
    }
  }

  return {
    token: async (signal) => {
      if (current !== undefined && performance.now() < current.endsAtMs) return current.token;
      // Not bound to the signal of one attempt: others wait for the same answer.
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      return unlessAborted(asking, signal);
    },
    forget: (token) => {
      if (current?.token === token) current = undefined;
    },
    close: () => (connection.closed ? Promise.resolve() : connection.close()),
    destroy: () => (connection.destroyed ? Promise.resolve() : connection.destroy()),
  };
}

function usableS({ lifeS }: Pick<AccessToken, 'lifeS'> & { readonly lifeS: number }): number {
  return lifeS - Math.min(EXPIRY_MARGIN_S, lifeS / 2);
}

function unlessAborted<Result>(promise: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const abort = () =>
      reject(new Retryable('the attempt was aborted while it waited for an access token', { code: 'ABORTED' }));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

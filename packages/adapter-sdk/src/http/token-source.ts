import { isAdapterError, Retryable, Throttled } from '../adapter-error.ts';
import { openConnections } from './connections.ts';
import { clientCredential, type OAuthOptions } from './oauth.ts';
import type { ConnectOptions } from './tls.ts';
import { requestToken } from './token-request.ts';

/** What a request may take on its way, so that a token does not expire there; at most half of a short life. */
const EXPIRY_MARGIN_S = 30;
/** SMART Backend Services' advice for the life of a token, for endpoints that do not say. */
const LIFE_DEFAULT_S = 300;
/** Whatever an endpoint says of the life of its tokens, or the system of one: no more than one is asked for in this time. */
const USE_MIN_S = 1;
/** How long nobody asks after the endpoint failed: doubled each time, from the first to the second. */
const PAUSE_MIN_MS = 1_000;
const PAUSE_MAX_MS = 30_000;

/** What a token source needs besides its options. */
export interface TokenSourceParts {
  readonly userAgent: string;
  /** How the token endpoint is reached by TLS. */
  readonly connect: ConnectOptions;
  /** Called with every token, so that it can be redacted. */
  readonly onToken: (token: string) => void;
}

/** Access tokens of one client: one is kept until shortly before it expires, and asked for once however many wait. */
export interface TokenSource {
  /**
   * The token to send now.
   *
   * @throws what {@link requestToken} throws; Retryable with `ABORTED`.
   */
  token(signal: AbortSignal): Promise<string>;
  /**
   * The system refused this token: another is asked for next time.
   *
   * @returns false when it took the place of one that was refused just before: then another would be of no use either.
   */
  refused(token: string): boolean;
  /** Lets a running request end and closes the connection. */
  close(): Promise<void>;
  /** Breaks a running request off. */
  destroy(): void;
}

/** Opens a token source; nothing is asked yet. @throws Misconfigured that names the option that is wrong. */
export function openTokenSource(options: OAuthOptions, { userAgent, connect, onToken }: TokenSourceParts): TokenSource {
  const credential = clientCredential(options);
  const connections = openConnections(new URL(options.tokenUrl).origin, { connections: 1, connect });
  let current: { readonly token: string; readonly endsAtMs: number } | undefined;
  let asking: Promise<string> | undefined;
  let replacedAtMs = Number.NEGATIVE_INFINITY;
  let failures = 0;
  let failed: { readonly error: unknown; readonly untilMs: number; readonly dueMs: number } | undefined;

  async function ask(): Promise<string> {
    const { token, lifeS } = await requestToken(options, { connections, credential, userAgent });
    onToken(token);
    current = { token, endsAtMs: performance.now() + usableS(lifeS ?? LIFE_DEFAULT_S) * 1000 };
    failures = 0;
    return token;
  }

  /** Whoever wants a token meanwhile gets the same failure: the endpoint is asked again after a pause. */
  function fail(error: unknown): never {
    failures += 1;
    const { kind, retryAfterMs = 0 } = isAdapterError(error) ? error : { kind: 'retryable' };
    const pauseMs = Math.min(PAUSE_MIN_MS * 2 ** (failures - 1), PAUSE_MAX_MS);
    const waitMs = Math.max(pauseMs, retryAfterMs);
    const nowMs = performance.now();
    const passes = kind === 'retryable' || kind === 'throttled';
    failed = {
      error,
      // A longer wait is the hub's to keep, so that an operator can end it. A refusal pauses the lane, and whoever corrects
      // its cause does not want to wait as well.
      untilMs: nowMs + (passes ? Math.min(waitMs, PAUSE_MAX_MS) : PAUSE_MIN_MS),
      dueMs: nowMs + waitMs,
    };
    throw dueIn(waitMs, error);
  }

  return {
    token: async (signal) => {
      const nowMs = performance.now();
      if (current !== undefined && nowMs < current.endsAtMs) return current.token;
      if (asking === undefined && failed !== undefined && nowMs < failed.untilMs)
        throw dueIn(failed.dueMs - nowMs, failed.error);
      // Not bound to the signal of one attempt: others wait for the same answer.
      asking ??= ask()
        .catch(fail)
        .finally(() => {
          asking = undefined;
        });
      return unlessAborted(asking, signal);
    },
    refused: (token) => {
      if (current?.token !== token) return true;
      const nowMs = performance.now();
      if (nowMs < replacedAtMs + USE_MIN_S * 1000) return false;
      replacedAtMs = nowMs;
      current = undefined;
      return true;
    },
    close: connections.close,
    destroy: connections.destroy,
  };
}

/** The failure as it is now: for a passing one, how long the endpoint will not be asked. */
function dueIn(waitMs: number, error: unknown): unknown {
  if (!isAdapterError(error)) return error;
  const retryAfterMs = Math.ceil(waitMs);
  const { kind, code, message } = error;
  if (kind === 'throttled') return new Throttled(message, { code, retryAfterMs });
  return kind === 'retryable' ? new Retryable(message, { code, retryAfterMs, cause: error }) : error;
}

function usableS(lifeS: number): number {
  const useS = lifeS - Math.min(EXPIRY_MARGIN_S, lifeS / 2);
  return Math.max(useS, USE_MIN_S);
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

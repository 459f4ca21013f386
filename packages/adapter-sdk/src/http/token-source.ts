import { isAdapterError, Retryable, Throttled } from '../adapter-error.ts';
import { openConnections } from './connections.ts';
import { clientCredential, type OAuthOptions } from './oauth.ts';
import type { ConnectOptions } from './tls.ts';
import { requestToken } from './token-request.ts';

/** A token is not used in its last 30 s, so that it does not expire in transit; at most half of a short lifetime. */
const EXPIRY_MARGIN_S = 30;
/** The recommendation of SMART Backend Services, for endpoints without `expires_in`. */
const LIFE_DEFAULT_S = 300;
/** At most one token is requested in this time. */
const USE_MIN_S = 1;
/** The pause after the endpoint failed: doubled each time, from the minimum to the maximum. */
const PAUSE_MIN_MS = 1_000;
const PAUSE_MAX_MS = 30_000;

/** The parts of a token source. */
export interface TokenSourceParts {
  readonly userAgent: string;
  /** TLS options for the token endpoint. */
  readonly connect: ConnectOptions;
  /** Called with every token, so that it can be redacted. */
  readonly onToken: (token: string) => void;
}

/** Access tokens of one client. A token is cached until shortly before it expires; concurrent callers share one request. */
export interface TokenSource {
  /**
   * Returns a valid token.
   *
   * @throws the errors of {@link requestToken}; Retryable with `ABORTED`.
   */
  token(signal: AbortSignal): Promise<string>;
  /**
   * Reports that the system rejected this token: the next call requests another one.
   *
   * @returns false when the token before it was rejected just now too, so that another one will not help.
   */
  refused(token: string): boolean;
  /** Waits for a running request and closes the connection. */
  close(): Promise<void>;
  /** Aborts a running request. */
  destroy(): void;
}

/** Opens a token source; the first `token` connects. @throws Misconfigured that names the wrong option. */
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

  /** Until the pause is over, all callers get this failure. */
  function fail(error: unknown): never {
    failures += 1;
    const { kind, retryAfterMs = 0 } = isAdapterError(error) ? error : { kind: 'retryable' };
    const pauseMs = Math.min(PAUSE_MIN_MS * 2 ** (failures - 1), PAUSE_MAX_MS);
    const waitMs = Math.max(pauseMs, retryAfterMs);
    const nowMs = performance.now();
    const passes = kind === 'retryable' || kind === 'throttled';
    failed = {
      error,
      // The hub keeps longer waits, so that an operator can end them. A rejection pauses the adapter; when an operator has
      // fixed its cause, there must be no further wait.
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
      // Without the signal of this attempt: others wait for the same token.
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

/** The failure with the remaining wait, if it is temporary. */
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

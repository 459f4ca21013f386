import type { Lifetime } from '../access/lifetime.ts';
import { RequestError } from './request-error.ts';

/** About how long a restart takes. */
export const RESTART_MS = 2_000;

/**
 * What callers get while the hub stops.
 *
 * @param cursor of a stream of acks: all that was not sent comes after it
 */
export function hubStopping(message: string, cursor?: string): RequestError {
  return new RequestError('HUB_STOPPING', message, {
    retryAfterMs: RESTART_MS,
    ...(cursor !== undefined && { metadata: { cursor } }),
  });
}

/** Why a caller's signal aborts when its credential ends. */
const CREDENTIAL_ENDED = new RequestError(
  'CREDENTIAL_EXPIRED',
  'the credential of this call has ended: it expired, was rotated or revoked, or is no longer in the configuration; call again with a valid one',
);

/**
 * For what a caller began while its credential was valid, and asks for when it no longer is: its body may come later than
 * its headers.
 *
 * @throws {RequestError} CREDENTIAL_EXPIRED
 */
export function requireLasting(credential: Lifetime | undefined): void {
  if (credential?.isOver === true) throw CREDENTIAL_ENDED;
}

/** Why a caller's signal aborts when the hub stops, and not the caller. */
const STOPPING = hubStopping('the hub is stopping; ask again');

/**
 * Ends the waiting of every caller when the hub stops. A set, and not an AbortSignal that all listen to: adding to that
 * and taking away looks at all listeners, and ten thousand streams are as many.
 */
export class HubStop {
  readonly #waiting = new Set<AbortController>();
  #hasBegun = false;

  /** From now on nobody waits. */
  begin(): void {
    this.#hasBegun = true;
    for (const waiting of this.#waiting) waiting.abort(STOPPING);
    this.#waiting.clear();
  }

  /** A signal that aborts with the caller's own, when the hub stops, or when the caller's credential ends. */
  endsWith(caller: AbortSignal, credential?: Lifetime): AbortSignal {
    const own = new AbortController();
    if (caller.aborted) own.abort(caller.reason);
    else if (this.#hasBegun) own.abort(STOPPING);
    else {
      this.#waiting.add(own);
      const release = credential?.onEnd(() => own.abort(CREDENTIAL_ENDED));
      const end = () => {
        this.#waiting.delete(own);
        release?.();
        own.abort(caller.reason);
      };
      caller.addEventListener('abort', end, { once: true });
    }
    return own.signal;
  }
}

/**
 * For the end of a stream that has no end of its own, and of one that was not at it.
 *
 * @param cursor of a stream of acks: all that was not sent comes after it
 * @throws {RequestError} HUB_STOPPING when the signal aborted because the hub stops, CREDENTIAL_EXPIRED because the
 *   caller's credential ended
 */
export function throwIfStopping(signal: AbortSignal, cursor?: string): void {
  if (signal.reason === CREDENTIAL_ENDED) throw CREDENTIAL_ENDED;
  if (signal.reason !== STOPPING) return;
  if (cursor === undefined) throw hubStopping('the hub is stopping; ask again');
  throw hubStopping(`the hub is stopping; watch acks again from the cursor ${cursor}`, cursor);
}

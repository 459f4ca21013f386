import type { IncomingMessage } from 'node:http';
import { AccessError } from '../../access/access-error.ts';
import type { Authenticator } from '../../access/authenticator.ts';
import { CallerThrottled } from '../../access/caller-limits.ts';
import type { FailedCredentials } from '../../access/failed-credentials.ts';
import type { Principal } from '../../access/principal.ts';
import { addressOf } from './messages.ts';

/** Who makes a request, by its headers and its connection. Throws, or rejects with, an AccessError. */
export type Identify = (request: IncomingMessage) => Principal | Promise<Principal>;

export interface IdentifyOptions {
  readonly authenticator: Authenticator;
  readonly failed: FailedCredentials;
  /** Whether the requests come by the hub's Unix socket. */
  readonly bySocket: boolean;
}

/** For the requests of one listener. */
export function createIdentify({ authenticator, failed, bySocket }: IdentifyOptions): Identify {
  return (request) => {
    const fail = (error: unknown): never => {
      const isWrong = error instanceof AccessError && error.code !== 'CREDENTIAL_MISSING';
      const waitMs = isWrong ? failed.note(addressOf(request)) : 0;
      throw waitMs === 0 ? error : new CallerThrottled('this address sent too many wrong credentials', waitMs);
    };
    try {
      const principal = authenticator.principalOf({
        bySocket,
        // Node keeps the first of two, and a proxy may have looked at the second.
        authorization: request.headers.authorization === undefined ? [] : valuesOf(request, 'authorization'),
        target: request.url ?? '',
        certificate: undefined,
      });
      return principal instanceof Promise ? principal.catch(fail) : principal;
    } catch (error) {
      return fail(error);
    }
  };
}

function valuesOf({ rawHeaders }: IncomingMessage, wanted: string): readonly string[] {
  return rawHeaders.flatMap((name, index) =>
    index % 2 === 0 && name.toLowerCase() === wanted ? [rawHeaders[index + 1] ?? ''] : [],
  );
}

import type { IncomingMessage } from 'node:http';
import type { Authenticator } from '../../access/authenticator.ts';
import type { Principal } from '../../access/principal.ts';

/** Who makes a request, by its headers and its connection. Throws, or rejects with, an AccessError. */
export type Identify = (request: IncomingMessage) => Principal | Promise<Principal>;

/** @param bySocket whether the requests come by the hub's Unix socket */
export function createIdentify(authenticator: Authenticator, { bySocket }: { readonly bySocket: boolean }): Identify {
  return (request) =>
    authenticator.principalOf({
      bySocket,
      // Node keeps the first of two, and a proxy may have looked at the second.
      authorization: request.headers.authorization === undefined ? [] : valuesOf(request, 'authorization'),
      target: request.url ?? '',
      certificate: undefined,
    });
}

function valuesOf({ rawHeaders }: IncomingMessage, wanted: string): readonly string[] {
  return rawHeaders.flatMap((name, index) =>
    index % 2 === 0 && name.toLowerCase() === wanted ? [rawHeaders[index + 1] ?? ''] : [],
  );
}

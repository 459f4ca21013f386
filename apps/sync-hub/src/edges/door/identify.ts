import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { AccessError } from '../../access/access-error.ts';
import type { Authenticator } from '../../access/authenticator.ts';
import { CallerThrottled } from '../../access/caller-limits.ts';
import type { ClientCertificate, ClientCertificates } from '../../access/client-certificate.ts';
import type { CountPerMinute } from '../../access/count-per-minute.ts';
import type { Principal } from '../../access/principal.ts';
import { forwardedAddress } from './forwarded.ts';
import { addressOf, streamOf } from './messages.ts';
import type { TrustedAddresses } from './trusted-addresses.ts';

/** Who makes the requests of a listener. */
export interface Callers {
  /** By a request's headers and its connection. Throws, or rejects with, an AccessError. */
  principalOf(request: IncomingMessage): Principal | Promise<Principal>;
  /** An IP address, or "socket". To be asked before anything is awaited: a connection that is gone has none. */
  addressOf(request: IncomingMessage): string;
}

/** What a caller gets who guesses; not one without a credential, or whose issuer is down. */
const WRONG: ReadonlySet<string> = new Set(['CREDENTIAL_REFUSED', 'CREDENTIAL_EXPIRED']);

export interface IdentifyOptions {
  readonly authenticator: Authenticator;
  /** Wrong credentials by address, of all listeners together. */
  readonly failed: CountPerMinute;
  /** Whether the requests come by the hub's Unix socket. */
  readonly bySocket: boolean;
  /** Who says in X-Forwarded-For where a request comes from. Absent: nobody. */
  readonly proxies?: TrustedAddresses | undefined;
  /** Reads client certificates, which the listener has verified. Absent: there are none. */
  readonly certificates?: ClientCertificates;
}

/** For the requests of one listener. */
export function createIdentify({ authenticator, failed, bySocket, proxies, certificates }: IdentifyOptions): Callers {
  const callerAddressOf = (request: IncomingMessage) => {
    // Node joins several into one, in their order.
    const forwarded = request.headers['x-forwarded-for']?.toString();
    return bySocket ? 'socket' : forwardedAddress(addressOf(request), forwarded, proxies);
  };
  const principalOf = (request: IncomingMessage) => {
    const address = callerAddressOf(request);
    const fail = (error: unknown): never => {
      const isWrong = error instanceof AccessError && WRONG.has(error.code);
      const waitMs = isWrong ? failed.note(address) : 0;
      throw waitMs === 0 ? error : new CallerThrottled('this address sent too many wrong credentials', waitMs);
    };
    try {
      const principal = authenticator.principalOf({
        bySocket,
        // Node keeps the first of two, and a proxy may have looked at the second.
        authorization: request.headers.authorization === undefined ? [] : valuesOf(request, 'authorization'),
        target: request.url ?? '',
        certificate: () => certificates && certificateOf(certificates, request),
      });
      return principal instanceof Promise ? principal.catch(fail) : principal;
    } catch (error) {
      return fail(error);
    }
  };
  return { principalOf, addressOf: callerAddressOf };
}

function valuesOf({ rawHeaders }: IncomingMessage, wanted: string): readonly string[] {
  return rawHeaders.flatMap((name, index) =>
    index % 2 === 0 && name.toLowerCase() === wanted ? [rawHeaders[index + 1] ?? ''] : [],
  );
}

/** The client certificate of a request's connection. */
function certificateOf(certificates: ClientCertificates, request: IncomingMessage): ClientCertificate | undefined {
  const stream = streamOf(request);
  const connection = stream === undefined ? request.socket : stream.session;
  // The client went meanwhile.
  if (connection === undefined || connection.destroyed) return undefined;
  const socket = ('socket' in connection ? connection.socket : connection) as Partial<TLSSocket>;
  return certificates.of(connection, () => socket.getPeerX509Certificate?.());
}

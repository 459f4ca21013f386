import { isIP } from 'node:net';
import { ServerCredentials } from '@grpc/grpc-js';

/** A Unix socket: for a hub on the same machine. Put it into a folder of mode 0700, which is what guards it. */
export interface SocketAddress {
  /** At most 103 bytes: the operating system takes no longer one. */
  readonly path: string;
}

/** A TCP port: for a hub elsewhere. Beyond loopback only with `tls`. */
export interface TcpAddress {
  /** Such as `0.0.0.0`. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** The certificate to show, in PEM. Absent: plain text, on loopback alone. */
  readonly tls?: ServerTls;
  /** What callers must send as `authorization: Bearer <token>`. Absent: nothing. */
  readonly token?: string;
}

/** A server's side of TLS, everything in PEM. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  /** The authority that signs the certificates of callers: with it, callers without one are turned away (mTLS). */
  readonly clientCa?: string;
}

/** Where an adapter is served. */
export type ServeAddress = SocketAddress | TcpAddress;

/**
 * The listen address in the form of @grpc/grpc-js.
 *
 * @throws TypeError for plain text beyond loopback
 */
export function bindingOf(address: ServeAddress): { readonly target: string; readonly credentials: ServerCredentials } {
  if ('path' in address) return { target: `unix:${address.path}`, credentials: ServerCredentials.createInsecure() };
  const { host, port, tls } = address;
  const target = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  if (tls === undefined) {
    if (!isLoopback(host)) {
      throw new TypeError(
        `serveAdapter: listen.tls is missing; without it only loopback is served, and ${host} is not`,
      );
    }
    return { target, credentials: ServerCredentials.createInsecure() };
  }
  const clientCa = tls.clientCa === undefined ? null : Buffer.from(tls.clientCa);
  const pair = { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) };
  return { target, credentials: ServerCredentials.createSsl(clientCa, [pair], clientCa !== null) };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

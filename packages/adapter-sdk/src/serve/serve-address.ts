import { isIP } from 'node:net';
import { ServerCredentials } from '@grpc/grpc-js';

/** A Unix socket, for a hub on the same machine. Put it into a folder of mode 0700, which protects it. */
export interface SocketAddress {
  /** At most 103 bytes, the limit of the operating system. */
  readonly path: string;
}

/** A TCP port, for a hub elsewhere. Addresses beyond loopback require `tls`. */
export interface TcpAddress {
  /** Such as `0.0.0.0`. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** The server's certificate. Absent: plain text, only on loopback. */
  readonly tls?: ServerTls;
  /** What callers must send as `authorization: Bearer <token>`. Absent: nothing. */
  readonly token?: string;
}

/** TLS options of a server, all in PEM. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  /** The CA of the callers' certificates: with it, callers without a certificate are rejected (mTLS). */
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
        `serveAdapter: listen.tls is missing; without it, the host must be loopback, and ${host} is not`,
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

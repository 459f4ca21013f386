import { isIP } from 'node:net';
import { ServerCredentials } from '@grpc/grpc-js';
import { ServerCertificates, type ServerTls, type ServerTlsFiles } from './server-certificates.ts';

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
  readonly tls?: ServerTls | ServerTlsFiles;
  /**
   * What callers must send as `authorization: Bearer <token>`. Two while one replaces the other: either is accepted. Absent:
   * nothing is required.
   */
  readonly token?: string | readonly [string, string];
}

/** Where an adapter is served. */
export type ServeAddress = SocketAddress | TcpAddress;

/** A listen address in the form of @grpc/grpc-js. */
interface Binding {
  readonly target: string;
  readonly credentials: ServerCredentials;
  /** Absent: plain text. */
  readonly certificates?: ServerCertificates;
}

/**
 * The tokens that callers may send. Undefined: they need none.
 *
 * @throws TypeError for one that is not there, such as an environment variable that is not set
 */
export function tokensOf(address: ServeAddress): readonly string[] | undefined {
  if ('path' in address || !('token' in address)) return undefined;
  const tokens = [address.token].flat();
  const isThere = (token: unknown): token is string => typeof token === 'string' && token !== '';
  if (tokens.length > 0 && tokens.every(isThere)) return tokens;
  throw new TypeError('serveAdapter: listen.token is empty or not set; remove the field to require no token');
}

/** @throws TypeError for plain text beyond loopback, and for a certificate that cannot be used */
export async function bindingOf(address: ServeAddress): Promise<Binding> {
  if ('path' in address) return { target: `unix:${address.path}`, credentials: ServerCredentials.createInsecure() };
  const { host, port, tls } = address;
  const target = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  if (tls !== undefined) {
    const certificates = await ServerCertificates.open(tls);
    return { target, credentials: certificates.credentials, certificates };
  }
  if (!isLoopback(host)) {
    throw new TypeError(
      `serveAdapter: listen.tls is missing; without it, the host must be loopback, and ${host} is not`,
    );
  }
  return { target, credentials: ServerCredentials.createInsecure() };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

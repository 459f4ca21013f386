import type { Http2Session } from 'node:http2';
import { createServer as createPort, type Server as Port, type Socket } from 'node:net';
import { createServer as createTlsServer, type SecureContextOptions, type TLSSocket } from 'node:tls';

/** The certificate, key and authorities of a port, which change while it is open. */
export interface TlsSource {
  readonly context: SecureContextOptions;
  /** Whether clients are asked for a certificate. */
  readonly asksClients: boolean;
  /** Calls back after each change. @param trust whether the authorities changed, or what they revoked */
  onChange(listener: (change: { readonly trust: boolean }) => void): void;
}

export interface TlsPortOptions {
  readonly tls: TlsSource;
  readonly handshakeTimeoutMs: number;
  /** The first bytes of a connection say TLS. */
  readonly onTls: (socket: Socket) => void;
  /** Gets each connection whose handshake is done, with the protocol that was agreed on: `h2`, or anything for HTTP/1.1. */
  readonly onSecure: (socket: TLSSocket) => void;
  /** Called with each client certificate that does not verify, and why. */
  readonly onUnverified: (address: string, why: string) => void;
  /** Clients that were verified by former authorities should come again; their connections end soon. */
  readonly onTrustChange: () => void;
}

/** Whether the client of a connection has shown a certificate. */
export function hasClientCertificate({ destroyed, socket }: Http2Session): boolean {
  return !destroyed && (socket as TLSSocket).getPeerX509Certificate() !== undefined;
}

/** The first byte of TLS. */
const HANDSHAKE = 0x16;
const REQUEST = /^(?!PRI )[A-Z]{3,8} \S/;
/** How long connections go on whose client certificate was verified by authorities that have changed. */
const FORMER_TRUST_MS = 10_000;

/**
 * A port that speaks TLS alone. A client certificate is optional, and one that does not verify ends the connection before
 * a byte of a request is read. A change of the certificate holds for the next handshake; connections go on.
 */
export function createTlsPort(options: TlsPortOptions): Port {
  const { tls, handshakeTimeoutMs, onTls, onSecure, onUnverified, onTrustChange } = options;
  /** Connections with a client certificate. */
  const verified = new Set<TLSSocket>();
  const server = createTlsServer(
    {
      ...tls.context,
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: handshakeTimeoutMs,
      requestCert: tls.asksClients,
      // Node would refuse a client without one, too.
      rejectUnauthorized: false,
    },
    (socket) => {
      if (socket.getPeerX509Certificate() !== undefined) {
        if (!socket.authorized) {
          onUnverified(socket.remoteAddress ?? '', String(socket.authorizationError));
          socket.destroy();
          return;
        }
        verified.add(socket);
        socket.once('close', () => verified.delete(socket));
      }
      onSecure(socket);
    },
  );
  // Unheard, Node keeps the connection of a handshake that is not done in time.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  tls.onChange(({ trust }) => {
    server.setSecureContext(tls.context);
    if (!trust) return;
    const former = [...verified];
    onTrustChange();
    setTimeout(() => {
      for (const socket of former) socket.destroy();
    }, FORMER_TRUST_MS).unref();
  });
  return createPort((socket) => {
    socket.once('readable', () => {
      const bytes: Buffer | null = socket.read();
      if (bytes === null) return;
      if (bytes[0] !== HANDSHAKE) return answerInClear(socket, bytes);
      onTls(socket);
      socket.unshift(bytes);
      server.emit('connection', socket);
    });
  });
}

const MESSAGE = JSON.stringify({ code: 'invalid_argument', message: 'this port speaks TLS; call it by https://' });
const SPEAKS_TLS = `HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${MESSAGE.length}\r\n\r\n${MESSAGE}`;

/** Whatever it wants, it gets no more than this; the connection's deadline ends one that does not go. */
function answerInClear(socket: Socket, bytes: Buffer): void {
  if (!REQUEST.test(bytes.toString('latin1', 0, 16))) return void socket.destroy();
  socket.end(SPEAKS_TLS);
  // Bytes that nobody reads would reset the connection before the client has read the answer.
  socket.resume();
}

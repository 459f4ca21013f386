import { chmodSync, rmSync } from 'node:fs';
import type { Server as Http1Server, RequestListener } from 'node:http';
import type { Http2Server, Http2Session } from 'node:http2';
import { type AddressInfo, createServer as createPort, type Server as Port, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { createServer } from '@httptoolkit/httpolyglot';
import { type ConnectionBounds, Connections, connectionBounds } from './connections.ts';
import { createDoor } from './door.ts';
import { type HttpHandler, MESSAGE_CLASSES } from './messages.ts';
import { OPEN_REQUEST_BOUNDS, type OpenRequestBounds, OpenRequests } from './open-requests.ts';
import { OwnNames } from './own-names.ts';
import { ResponseBudget } from './response-budget.ts';
import { SessionPulse } from './session-pulse.ts';
import { createTlsPort, hasClientCertificate, type TlsSource } from './tls-port.ts';
import type { TrustedAddresses } from './trusted-addresses.ts';

/** Why the hub cannot listen. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/** Where to listen: a port, or a Unix socket by its path. */
export type ListenPlace = { readonly host: string; readonly port: number } | { readonly path: string };

/** HTTP/1.1 and HTTP/2 on one port, with TLS or in clear, or on one Unix socket. */
export interface Listener {
  /** The port that it really has; 0 for a socket. */
  readonly port: number;
  /** Accepts no more connections and ends those that are open once their requests are done, or after the time. */
  close(withinMs: number): Promise<void>;
}

/**
 * How long a connection may take to say what it wants: over HTTP/1.1 the headers of each request, over HTTP/2 the
 * preface and the settings. A client sends them at once; one that drips them would hold connections for ever.
 */
const HEADERS_TIMEOUT_MS = 10_000;
/** How long a request over HTTP/1.1 may take to its last byte; POST /sync says after 30 s why it ends. */
const REQUEST_TIMEOUT_MS = 32_000;
/** How often Node checks whether one of them has passed. */
const TIMEOUTS_EVERY_MS = 1_000;
/** Node ends a session past its memory bound, 10 MB by default; this many streams with their buffers need this. */
const SESSION_MEMORY_MAX_MB = 128;
/** Resets of one connection: a burst, then this many a second (CVE-2023-44487). */
const RESET_BURST = 1_000;
const RESETS_PER_SECOND = 100;

export interface ListenOptions {
  /** Where callers find the hub beside its own addresses. */
  readonly publicUrls?: readonly string[];
  readonly connections?: ConnectionBounds;
  /** Absent: in clear. */
  readonly tls?: TlsSource;
  /** The only addresses from which connections are accepted. Absent: all. */
  readonly callers?: TrustedAddresses;
  readonly requests?: OpenRequestBounds;
  /** Called with each connection that is one too many, for the log. */
  readonly onRejected?: (address: string) => void;
  /** Called with each connection that ends before its first request because of who makes it, and why, for the log. */
  readonly onUntrusted?: (address: string, why: string) => void;
  readonly headersTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  /** How often an HTTP/2 connection is asked whether it lives. */
  readonly pulseMs?: number;
}

/**
 * Whether the address can be listened on, for a hub that writes nothing when it cannot. Somebody may still take it
 * before the hub does.
 *
 * @throws {ListenError} saying what to do
 */
export async function requireFree(address: { host: string; port: number }): Promise<void> {
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  const port = createPort();
  port.once('error', (error: NodeJS.ErrnoException) => reject(explain(error, address)));
  port.listen(address.port, address.host, resolve);
  await listening;
  await new Promise((done) => port.close(done));
}

/**
 * Listens, and hands each request that is welcome to the handler. Whatever a client sends ends at most its own connection,
 * and what begins and does not go on ends in about half a minute.
 *
 * @throws {ListenError} saying what to do
 */
export async function listen(place: ListenPlace, handler: HttpHandler, options: ListenOptions = {}): Promise<Listener> {
  const { publicUrls = [], headersTimeoutMs = HEADERS_TIMEOUT_MS, requestTimeoutMs = REQUEST_TIMEOUT_MS } = options;
  const { requests: bounds = OPEN_REQUEST_BOUNDS, pulseMs } = options;
  const connections = new Connections(options.connections ?? connectionBounds());
  const requests = new OpenRequests(bounds);
  const pulse = new SessionPulse({
    countOf: (session) => requests.countOf(session),
    ...(pulseMs !== undefined && { everyMs: pulseMs }),
  });
  const sessions = new Set<Http2Session>();
  /** Every connection, and what ends it unless it says in time which protocol it speaks. */
  const sockets = new Map<Socket, NodeJS.Timeout>();
  // No request comes before it listens, and then it knows by which port.
  // By a socket it is called as localhost, where some clients name the port of http.
  let names = new OwnNames({ hosts: [], port: 80 });
  let isClosing = false;
  const door = createDoor(
    {
      names: () => names,
      requests,
      responses: new ResponseBudget(),
      onLeft: () => {
        // A client over HTTP/1.1 keeps its connection for the next request, and there is none.
        if (isClosing) setImmediate(() => http1.closeIdleConnections());
      },
    },
    handler,
    // Of the classes below, which Node's types do not know of.
  ) as RequestListener;
  const server = createServer(
    {
      http: {
        ...MESSAGE_CLASSES.http1,
        headersTimeout: headersTimeoutMs,
        requestTimeout: requestTimeoutMs,
        connectionsCheckingInterval: Math.min(TIMEOUTS_EVERY_MS, headersTimeoutMs / 2),
      },
      http2: {
        ...MESSAGE_CLASSES.http2,
        maxSessionMemory: SESSION_MEMORY_MAX_MB,
        settings: { maxConcurrentStreams: bounds.connectionRequests, maxHeaderListSize: bounds.headerBytes },
        streamResetBurst: RESET_BURST,
        streamResetRate: RESETS_PER_SECOND,
      },
    },
    door,
  );
  // Node watches the headers of its connections from when it listens, and this server never does: the port is its
  // owner's (httpolyglot 3.1.0), which hands it connections.
  const { _httpServer: http1, _http2Server: http2 } = server as unknown as {
    _httpServer: Http1Server;
    _http2Server: Http2Server;
  };
  http1.emit('listening');
  // Unheard, Node answers such requests itself, past the door, and over HTTP/2 leaves their streams open. A CONNECT over
  // HTTP/1.1 ends its connection.
  server.on('checkExpectation', door);
  http2.on('connect', door);
  const { tls, callers, onUntrusted = () => undefined } = options;
  const welcome = (socket: Socket) => {
    // A reset is the client's business; unheard, it would end the process.
    socket.on('error', () => socket.destroy());
    const { remoteAddress = '' } = socket;
    if (callers?.trusts(remoteAddress) === false) {
      socket.destroy();
      return onUntrusted(remoteAddress, 'it is none of trustedProxies');
    }
    const closed = connections.open(remoteAddress);
    if (closed === undefined) {
      socket.destroy();
      return options.onRejected?.(remoteAddress);
    }
    const unsaid = setTimeout(() => socket.destroy(), headersTimeoutMs);
    sockets.set(socket, unsaid);
    // An ack is a small message that nothing follows: held back to fill a packet, it would come 40 ms late.
    socket.setNoDelay(true);
    socket.once('close', () => {
      clearTimeout(unsaid);
      sockets.delete(socket);
      closed();
    });
  };
  callers?.onChange(() => {
    for (const socket of sockets.keys()) if (!callers.trusts(socket.remoteAddress ?? '')) socket.destroy();
  });
  /** It said in time what it speaks. */
  const recognized = (socket: Socket) => clearTimeout(sockets.get(socket));
  const port = tls
    ? createTlsPort({
        tls,
        handshakeTimeoutMs: headersTimeoutMs,
        onTls: recognized,
        onSecure: (socket) => (socket.alpnProtocol === 'h2' ? http2 : http1).emit('connection', socket),
        onUnverified: (address, why) => onUntrusted(address, `its client certificate does not verify (${why})`),
        onTrustChange: () => {
          for (const session of sessions) if (hasClientCertificate(session)) session.close();
        },
      })
    : server;
  port.prependListener('connection', (socket: Socket) => {
    // In clear it is reported by the port, and again by the server of the protocol that it turned out to speak.
    if (sockets.has(socket)) recognized(socket);
    else welcome(socket);
  });
  server.on('session', (session: Http2Session) => {
    sessions.add(session);
    pulse.watch(session);
    const unsaid = setTimeout(() => session.destroy(), headersTimeoutMs);
    session.once('remoteSettings', () => clearTimeout(unsaid));
    session.once('close', () => clearTimeout(unsaid));
    session.once('close', () => sessions.delete(session));
    session.on('error', () => session.destroy());
  });
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  // Permanently: a connection that cannot be accepted later, because no file descriptor is left, is reported here too, and
  // must not end the process.
  port.on('error', (error: NodeJS.ErrnoException) => reject(explain(error, place)));
  if ('path' in place) port.listen(place.path, resolve);
  else {
    port.listen(place.port, place.host, () => {
      const scheme = tls === undefined ? 'http' : 'https';
      names = new OwnNames({ scheme, hosts: [place.host, ...ownAddresses(port)], port: portOf(port), publicUrls });
      resolve();
    });
  }
  await listening;
  return {
    port: 'path' in place ? 0 : portOf(port),
    async close(withinMs) {
      isClosing = true;
      pulse.stop();
      const closed = new Promise<void>((done) => port.close(() => done()));
      for (const session of sessions) session.close();
      http1.closeIdleConnections();
      const timer = setTimeout(() => {
        for (const socket of sockets.keys()) socket.destroy();
      }, withinMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

/** What a socket's address holds on every system (sun_path of macOS, without its last zero). */
const PATH_BYTES_MAX = 103;

/** Where the hub of a data folder has its socket. */
export function hubSocketPath(dataDir: string): string {
  return join(dataDir, 'hub.sock');
}

/**
 * Listens on the hub's Unix socket, which only the hub's own user can open: whoever comes by it is an administrator.
 *
 * @param dataDir the data folder, which is private, and locked by this hub: a socket that is there is of one that ended
 * @throws {ListenError}
 */
export async function listenOnSocket(dataDir: string, handler: HttpHandler): Promise<Listener> {
  const path = hubSocketPath(dataDir);
  const length = Buffer.byteLength(path);
  if (length > PATH_BYTES_MAX) {
    throw new ListenError(
      `the path of the hub's socket has ${length} bytes, at most ${PATH_BYTES_MAX} are possible: ${path}; choose a data folder with a shorter path`,
    );
  }
  rmSync(path, { force: true });
  const listener = await listen({ path }, handler);
  chmodSync(path, 0o600);
  return listener;
}

function portOf(server: Port): number {
  return (server.address() as AddressInfo).port;
}

/** The addresses at which it is reached: that which it listens on, or all of the machine. */
function ownAddresses(server: Port): readonly string[] {
  const { address } = server.address() as AddressInfo;
  if (address !== '0.0.0.0' && address !== '::') return [address];
  return Object.values(networkInterfaces()).flatMap((ofOne = []) => ofOne.map((one) => one.address));
}

function explain(error: NodeJS.ErrnoException, place: ListenPlace): ListenError {
  if ('path' in place) {
    return new ListenError(`cannot listen on the socket ${place.path}: ${error.message}`, { cause: error });
  }
  const { host, port } = place;
  const what: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${port} of ${host} is in use, perhaps by another hub; stop that, or listen elsewhere: --listen ${host}:<port>`,
    EACCES: `port ${port} of ${host} needs more rights than this process has; use one above 1023`,
    EADDRNOTAVAIL: `${host} is not an address of this machine`,
    ENOTFOUND: `${host} is not a known host name`,
  };
  return new ListenError(what[error.code ?? ''] ?? `cannot listen on ${host}:${port}: ${error.message}`, {
    cause: error,
  });
}

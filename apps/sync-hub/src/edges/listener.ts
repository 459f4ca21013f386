import type { Server as Http1Server, IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Http2Session } from 'node:http2';
import { type AddressInfo, createServer as createPort, type Socket } from 'node:net';
import { createServer } from '@httptoolkit/httpolyglot';
import { ResponseBudget } from './response-budget.ts';

/** Why the hub cannot listen. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/** HTTP/1.1 and cleartext HTTP/2 on one port. */
export interface Listener {
  readonly host: string;
  /** The port that it really has. */
  readonly port: number;
  /** Takes no more connections and ends those that are open once their requests are done, or after the time. */
  close(withinMs: number): Promise<void>;
}

/**
 * How long a connection may take to say what it wants: over HTTP/1.1 the headers of each request, over HTTP/2 the
 * preface and the settings. A client sends them at once; one that drips them would hold connections for ever.
 */
const HEADERS_TIMEOUT_MS = 10_000;
/** Requests of one HTTP/2 connection at a time; clients open another connection for more. */
const CONCURRENT_STREAMS_MAX = 2_048;
/** Node ends a session past its memory bound, 10 MB by default; so many streams with their buffers need this. */
const SESSION_MEMORY_MAX_MB = 128;
/** Resets of one connection: a burst, then so many a second (CVE-2023-44487). */
const RESET_BURST = 1_000;
const RESETS_PER_SECOND = 100;

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
 * Listens, and hands each request to the handler. Whatever a client sends ends at most its own connection.
 *
 * @throws {ListenError} saying what to do
 */
export async function listen(
  address: { host: string; port: number },
  handler: RequestListener,
  headersTimeoutMs = HEADERS_TIMEOUT_MS,
): Promise<Listener> {
  const sessions = new Set<Http2Session>();
  /** Every connection, and what ends it unless it says in time which protocol it speaks. */
  const sockets = new Map<Socket, NodeJS.Timeout>();
  const server = createServer(
    {
      http: {
        headersTimeout: headersTimeoutMs,
        connectionsCheckingInterval: headersTimeoutMs / 2,
        requestTimeout: 0,
      },
      http2: {
        maxSessionMemory: SESSION_MEMORY_MAX_MB,
        settings: { maxConcurrentStreams: CONCURRENT_STREAMS_MAX },
        streamResetBurst: RESET_BURST,
        streamResetRate: RESETS_PER_SECOND,
      },
    },
    guarded(new ResponseBudget().wrap(handler)),
  );
  // Node watches the headers of its connections from when it listens, and this server never does: the port is its
  // owner's (httpolyglot 3.1.0), which hands it connections.
  const { _httpServer: http1 } = server as unknown as { _httpServer: Http1Server };
  http1.emit('listening');
  server.prependListener('connection', (socket: Socket) => {
    const deadline = sockets.get(socket);
    // Told by the port, and once more by the server of the protocol that the connection turned out to speak.
    if (deadline !== undefined) return clearTimeout(deadline);
    const unsaid = setTimeout(() => socket.destroy(), headersTimeoutMs);
    sockets.set(socket, unsaid);
    // An ack is a small message that nothing follows: held back to fill a packet, it would come 40 ms late.
    socket.setNoDelay(true);
    socket.once('close', () => {
      clearTimeout(unsaid);
      sockets.delete(socket);
    });
    // A reset is the client's business; unheard, it would end the process.
    socket.on('error', () => socket.destroy());
  });
  server.on('session', (session: Http2Session) => {
    sessions.add(session);
    const unsaid = setTimeout(() => session.destroy(), headersTimeoutMs);
    session.once('remoteSettings', () => clearTimeout(unsaid));
    session.once('close', () => clearTimeout(unsaid));
    session.once('close', () => sessions.delete(session));
    session.on('error', () => session.destroy());
  });
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  // For good: a connection that cannot be taken later on, because no file descriptor is left, is told here too, and
  // must not end the process.
  server.on('error', (error: NodeJS.ErrnoException) => reject(explain(error, address)));
  server.listen(address.port, address.host, resolve);
  await listening;
  const { port } = server.address() as AddressInfo;
  return {
    host: address.host,
    port,
    async close(withinMs) {
      const closed = new Promise<void>((done) => server.close(() => done()));
      for (const session of sessions) session.close();
      const timer = setTimeout(() => {
        for (const socket of sockets.keys()) socket.destroy();
      }, withinMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

/**
 * Connect builds a URL from the request's authority without a guard (connect-node 2.2.0): a bad one would throw out of
 * the listener and end the process.
 */
function guarded(handler: RequestListener): RequestListener {
  return (request: IncomingMessage, response: ServerResponse) => {
    try {
      handler(request, response);
    } catch {
      if (response.headersSent) return void response.destroy();
      response.writeHead(400, { 'content-type': 'application/json' });
      const message = 'the request cannot be read: its Host or :authority is no host name, or its path is no path';
      response.end(JSON.stringify({ code: 'invalid_argument', message }));
    }
  };
}

function explain(error: NodeJS.ErrnoException, { host, port }: { host: string; port: number }): ListenError {
  const what: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${port} of ${host} is in use, perhaps by another hub; stop that, or listen elsewhere: --listen ${host}:<port>`,
    EACCES: `port ${port} of ${host} needs more rights than this process has; use one above 1023`,
    EADDRNOTAVAIL: `${host} is no address of this machine`,
    ENOTFOUND: `${host} is no known host name`,
  };
  return new ListenError(what[error.code ?? ''] ?? `cannot listen on ${host}:${port}: ${error.message}`, {
    cause: error,
  });
}

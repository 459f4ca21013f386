import type { AgentOptions, ClientRequest, IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http';
import { DELIVERY_BOUNDS } from '../delivery.ts';
import { decoded, readBounded } from './body.ts';
import { http, https } from './node-http.ts';
import type { ConnectOptions } from './tls.ts';
import { transportError } from './transport-error.ts';

/** An idle connection is closed after this, or earlier when the server announces a shorter time. */
const IDLE_MS = 4_000;

/** The time limit for connecting, with or without a proxy. */
const CONNECT_MAX_MS = 10_000;

/** A request on one connection. */
export interface WireRequest {
  readonly method: string;
  /** Begins with a slash. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
  readonly signal: AbortSignal;
}

/** Its response. */
export interface WireAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders;
  /** The first 64 KiB, without their content coding. */
  readonly body: Uint8Array;
}

/** Connections to one origin. */
export interface Connections {
  /**
   * Sends one request and reads its response; informational responses (1xx) are ignored.
   *
   * @throws Retryable when no complete response arrived; Permanent when the request is not valid HTTP.
   */
  request(request: WireRequest): Promise<WireAnswer>;
  /** Waits for running requests, accepts no new ones, and closes the connections. */
  close(): Promise<void>;
  /** Aborts running requests and closes the connections. */
  destroy(): void;
}

/** Options of the connections to an origin. */
export interface ConnectionsOptions {
  /** Connections at a time, each with one request, so that a reset or a stall affects only one delivery. */
  readonly connections: number;
  readonly connect: ConnectOptions;
  /** The time limit for connecting. Absent: 10 s. */
  readonly connectMs?: number;
}

/**
 * Opens connections with Node's own client: it needs no dependency, and follows Node's settings for proxies
 * (`NODE_USE_ENV_PROXY`) and CAs (`NODE_EXTRA_CA_CERTS`, `NODE_USE_SYSTEM_CA`).
 */
export function openConnections(
  origin: string,
  { connections, connect, connectMs = CONNECT_MAX_MS }: ConnectionsOptions,
): Connections {
  const { protocol, hostname, port } = new URL(origin);
  const { Agent, globalAgent, request: begin } = protocol === 'https:' ? https : http;
  const agent = new Agent({
    keepAlive: true,
    maxSockets: connections,
    maxFreeSockets: connections,
    timeout: IDLE_MS,
    // Node uses a proxy only for its global agent, unless the option is copied.
    ...proxiesOf(globalAgent),
    ...connect,
  });
  // Outside of a URL, an IPv6 address has no brackets.
  const target = {
    ...{ agent, protocol, hostname: hostname.replace(/^\[|\]$/g, ''), port },
    // The signal does not end the tunnel to a proxy that never answers: the agent opens it, not the request.
    timeout: connectMs,
  };
  const running = new Set<(error: Error) => void>();
  let closed = false;
  const idle = Promise.withResolvers<void>();

  const request = (asked: WireRequest) =>
    new Promise<WireAnswer>((resolve, reject) => {
      const fail = (error: unknown) => {
        settled();
        reject(transportError(error, origin));
      };
      if (closed) return reject(transportError(broken('POOL_CLOSED'), origin));
      if (asked.signal.aborted) return reject(transportError(endOf(asked.signal), origin));
      let sent: ClientRequest;
      try {
        sent = begin(requestOptions(target, asked));
      } catch {
        return reject(transportError(broken('INVALID_REQUEST'), origin));
      }
      // Not by Node's own signal option: it ends a request that waits for a connection only when it gets one.
      const breakOff = (error: Error) => {
        fail(error);
        sent.destroy();
      };
      const abort = () => breakOff(endOf(asked.signal));
      const settled = () => {
        running.delete(breakOff);
        asked.signal.removeEventListener('abort', abort);
        if (closed && running.size === 0) idle.resolve();
      };
      running.add(breakOff);
      asked.signal.addEventListener('abort', abort, { once: true });

      let answer: IncomingMessage | undefined;
      sent.once('response', async (response) => {
        answer = response;
        try {
          const whole = await wholeAnswer(response);
          settled();
          resolve(whole);
        } catch (error) {
          fail(error);
        }
      });
      // No upgrade was requested.
      sent.once('upgrade', () => breakOff(broken('HTTP_PARSE_ERROR')));
      // Only for a request whose author forgot to pass the attempt's signal.
      sent.once('socket', () => sent.setTimeout(DELIVERY_BOUNDS.timeoutMs.max));
      sent.once('timeout', () => breakOff(broken('TIMEOUT')));
      // A system may respond before it has read the whole request, and close: the response counts.
      sent.on('error', (error) => answer ?? fail(error));
      sent.end(asked.body);
    });

  return {
    request,
    close: async () => {
      closed = true;
      if (running.size > 0) await idle.promise;
      agent.destroy();
    },
    destroy: () => {
      closed = true;
      for (const breakOff of [...running]) breakOff(broken('POOL_CLOSED'));
      agent.destroy();
    },
  };
}

/** Node's types have no options of an agent. */
function proxiesOf(agent: object): Pick<AgentOptions, 'proxyEnv'> {
  const { proxyEnv } = (agent as { readonly options: AgentOptions }).options;
  return proxyEnv === undefined ? {} : { proxyEnv };
}

/** @throws Error when the request is not valid HTTP. */
function requestOptions(target: RequestOptions, { method, path, headers, body }: WireRequest): RequestOptions {
  if (!path.startsWith('/')) throw broken('INVALID_REQUEST');
  const names = Object.keys(headers);
  if (names.some((name) => CONNECTION_HEADERS.has(name))) throw broken('INVALID_REQUEST');
  return {
    ...target,
    method,
    path,
    headers: {
      // Responses are small, so compression is not worth its cost.
      'accept-encoding': 'identity',
      ...headers,
      // Node omits it for methods that rarely have a body.
      ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
    },
  };
}

/** Headers of the connection, which only the client sets. */
const CONNECTION_HEADERS = new Set(['expect', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

async function wholeAnswer(response: IncomingMessage): Promise<WireAnswer> {
  const { statusCode: status = 0, headers } = response;
  const body = await readBounded(response);
  // The parser accepts any three digits.
  if (status < 200 || status > 599) throw broken('HTTP_PARSE_ERROR');
  return { status, ...(await decoded({ headers, body })) };
}

function broken(code: string): Error {
  return Object.assign(new Error(code), { code });
}

function endOf({ reason }: AbortSignal): Error {
  return broken(reason instanceof DOMException && reason.name === 'TimeoutError' ? 'TIMEOUT' : 'ABORTED');
}

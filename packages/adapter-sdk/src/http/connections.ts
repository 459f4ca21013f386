import type { AgentOptions, ClientRequest, IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http';
import { DELIVERY_BOUNDS } from '../delivery.ts';
import { decoded, readBounded } from './body.ts';
import { http, https } from './node-http.ts';
import type { ConnectOptions } from './tls.ts';
import { transportError } from './transport-error.ts';

/** An idle connection is closed after this, or earlier when the other side says that it closes earlier. */
const IDLE_MS = 4_000;

/** For a connection to come about, by a proxy or without. */
const CONNECT_MAX_MS = 10_000;

/** What is sent over one connection. */
export interface WireRequest {
  readonly method: string;
  /** From the slash on. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
  readonly signal: AbortSignal;
}

/** What came back over it. */
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
   * Sends one request and reads its answer; informational answers (1xx) before it are passed over.
   *
   * @throws Retryable when no whole answer came; Permanent when HTTP cannot carry the request.
   */
  request(request: WireRequest): Promise<WireAnswer>;
  /** Lets running requests end, takes no more and closes the connections. */
  close(): Promise<void>;
  /** Breaks running requests off and closes the connections. */
  destroy(): void;
}

/** How an origin is connected to. */
export interface ConnectionsOptions {
  /** Connections at a time, each with one request: a reset or a stall then harms one delivery, not its neighbours. */
  readonly connections: number;
  readonly connect: ConnectOptions;
  /** For a connection to come about. Absent: 10 s. */
  readonly connectMs?: number;
}

/**
 * Opens connections by Node's own client: it is in each process anyway, and obeys Node's settings for proxies
 * (`NODE_USE_ENV_PROXY`) and authorities (`NODE_EXTRA_CA_CERTS`, `NODE_USE_SYSTEM_CA`).
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
    // As Node itself has it: an agent of one's own goes by no proxy unless it is asked to.
    ...proxiesOf(globalAgent),
    ...connect,
  });
  // An address such as [::1] is written without brackets where it is no part of a URL.
  const target = {
    ...{ agent, protocol, hostname: hostname.replace(/^\[|\]$/g, ''), port },
    // Beside the signal, because a tunnel of a proxy that never answers is the agent's, and no request's to end.
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
      // Node would end a request at once that has a connection, and one that waits for its turn not before it has one.
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
      // Nobody asked for another protocol, so nobody here speaks it.
      sent.once('upgrade', () => breakOff(broken('HTTP_PARSE_ERROR')));
      // The attempt's signal ends a request. This only catches a request whose author forgot the signal.
      sent.once('socket', () => sent.setTimeout(DELIVERY_BOUNDS.timeoutMs.max));
      sent.once('timeout', () => breakOff(broken('TIMEOUT')));
      // A system may answer before it has read everything, and close; what it answered counts.
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

/** The types of Node leave the options of an agent out. */
function proxiesOf(agent: object): Pick<AgentOptions, 'proxyEnv'> {
  const { proxyEnv } = (agent as { readonly options: AgentOptions }).options;
  return proxyEnv === undefined ? {} : { proxyEnv };
}

/** @throws Error for what HTTP cannot carry. */
function requestOptions(target: RequestOptions, { method, path, headers, body }: WireRequest): RequestOptions {
  if (!path.startsWith('/')) throw broken('INVALID_REQUEST');
  const names = Object.keys(headers);
  if (names.some((name) => CONNECTION_HEADERS.has(name))) throw broken('INVALID_REQUEST');
  return {
    ...target,
    method,
    path,
    headers: {
      // Nothing here needs less bytes more than it needs plain ones. Decoded all the same when a system does not listen.
      'accept-encoding': 'identity',
      ...headers,
      // Node leaves it out for methods that seldom have a body.
      ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
    },
  };
}

/** Headers that are between two neighbours and say where a message ends: the client's own to write. */
const CONNECTION_HEADERS = new Set(['expect', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

async function wholeAnswer(response: IncomingMessage): Promise<WireAnswer> {
  const { statusCode: status = 0, headers } = response;
  const body = await readBounded(response);
  // The parser takes any three digits; these are no final answer.
  if (status < 200 || status > 599) throw broken('HTTP_PARSE_ERROR');
  return { status, ...(await decoded({ headers, body })) };
}

function broken(code: string): Error {
  return Object.assign(new Error(code), { code });
}

function endOf({ reason }: AbortSignal): Error {
  return broken(reason instanceof DOMException && reason.name === 'TimeoutError' ? 'TIMEOUT' : 'ABORTED');
}

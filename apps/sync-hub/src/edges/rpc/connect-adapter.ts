import {
  Code,
  ConnectError,
  type ConnectRouter,
  createConnectRouter,
  createContextValues,
  type HandlerContext,
  type Interceptor,
} from '@connectrpc/connect';
import { createAsyncIterable, type UniversalHandler, type UniversalServerResponse } from '@connectrpc/connect/protocol';
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from '@connectrpc/connect-node';
import { visibleJson } from '@hms-sync/proto/visible-text';
import type { Principal } from '../../access/principal.ts';
import type { HttpHandler } from '../door/messages.ts';
import { ADDRESS, IDENTIFY } from './caller.ts';
import { isCallerGone } from './connect-error.ts';
import { COMPRESSIONS, decodedMessages, decodedRequest, MESSAGE_BYTES_MAX } from './decoded-request.ts';

export interface RpcsOptions {
  readonly routes: (router: ConnectRouter) => void;
  /** The first is the outermost; each sees messages as handlers do. */
  readonly interceptors: Interceptor[];
  /** Lets a call in, before its body is read. @throws {ConnectError} */
  readonly gate: (context: HandlerContext) => Promise<void>;
  /** Called with faults of the hub's own, for the log. */
  readonly onFault: (error: unknown) => void;
}

/** Who makes a call, before that is known. */
interface UnknownCaller {
  readonly address: string;
  /** Throws, or rejects with, an AccessError. */
  readonly identify: () => Principal | Promise<Principal>;
}

/** One rpc on its path, over either HTTP version. */
export interface Rpc {
  /** Whether a call of it has many requests, which come when there is something to say. */
  readonly takesMany: boolean;
  /**
   * Answers a call.
   *
   * @param caller from where it comes, and what finds out who makes it
   * @throws for a request of which no URL can be built
   */
  readonly serve: (...call: [...Parameters<HttpHandler>, caller: UnknownCaller]) => void;
}

/**
 * Every rpc of the routes, by its path, over Connect, gRPC and gRPC-Web. The one place that changes what Connect (2.2.0)
 * does by itself:
 *
 * - Messages are looked at and decoded by the hub ({@link decodedRequest}).
 * - A deadline is at most what a timer holds ({@link boundDeadline}).
 * - The messages of a stream are not compressed ({@link leaveUncompressed}).
 * - A call that none of its protocols knows is answered with what to send ({@link explained}).
 * - `grpc-message` is encoded as gRPC says ({@link readableTrailer}).
 * - JSON holds no character that a terminal obeys.
 */
export function createRpcs({ routes, interceptors, gate, onFault }: RpcsOptions): ReadonlyMap<string, Rpc> {
  const router = createConnectRouter({
    interceptors: [decodedMessages, ...interceptors],
    acceptCompression: [...COMPRESSIONS],
    readMaxBytes: MESSAGE_BYTES_MAX,
    jsonOptions: JSON_OPTIONS,
    requestGate: gate,
  });
  routes(router);
  return new Map(router.handlers.map((handler) => [handler.requestPath, createRpc(handler, onFault)]));
}

const utf8 = new TextEncoder();
/** Connect asks for the encoder; its types say nothing of it. */
const JSON_OPTIONS = {
  ignoreUnknownFields: true,
  textEncoder: { encode: (json: string) => utf8.encode(visibleJson(json)) },
};

function createRpc(handler: UniversalHandler, onFault: (error: unknown) => void): Rpc {
  const { methodKind } = handler.method;
  return {
    takesMany: methodKind === 'client_streaming' || methodKind === 'bidi_streaming',
    serve(request, response, { address, identify }) {
      const contextValues = createContextValues().set(IDENTIFY, identify).set(ADDRESS, address);
      const call = universalRequestFromNodeRequest(request, response, undefined, contextValues);
      boundDeadline(call.header);
      if (methodKind !== 'unary') leaveUncompressed(call.header);
      handler(decodedRequest(call, handler))
        .then((answer) => universalResponseToNodeResponse(readableTrailer(explained(answer, handler)), response))
        .catch((error: unknown) => {
          const { code, cause } = ConnectError.from(error);
          if (code === Code.Aborted || isCallerGone(cause)) return;
          onFault(error);
          // No answer was made: a caller without a deadline would wait for it.
          response.destroy();
        });
    },
  };
}

/** What Node's timers hold: 24.8 days. Past that they overflow to one millisecond. */
const LONGEST_DEADLINE_MS = 2 ** 31 - 1;
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Connect hands a deadline to setTimeout as it is: one longer than a timer holds would end the call at once. */
export function boundDeadline(header: Headers): void {
  const [, amount, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(header.get('grpc-timeout') ?? '') ?? [];
  if (Number(amount) * (UNIT_MS[unit] ?? Number.NaN) > LONGEST_DEADLINE_MS) header.set('grpc-timeout', '596H');
  if (Number(header.get('connect-timeout-ms')) > LONGEST_DEADLINE_MS) {
    header.set('connect-timeout-ms', String(LONGEST_DEADLINE_MS));
  }
}

/**
 * Deletes what a caller offers to accept compressed (gRPC, gRPC-Web, and the streams of Connect): each message of some
 * acks would go through zlib, on another thread and back. That took longer than all the rest of its way, and 5 % of the
 * processor; their bytes are worth less than that on any network between a publisher and its hub.
 */
function leaveUncompressed(header: Headers): void {
  for (const offer of ['grpc-accept-encoding', 'connect-accept-encoding']) header.delete(offer);
}

/**
 * Connect encodes every character of grpc-message that a URI would; gRPC encodes only what is not visible ASCII
 * (PROTOCOL-HTTP2.md, "Percent-Encoded"), and @grpc/grpc-js decodes no more than that: its users would read
 * "type%3A required".
 */
function readableTrailer(answer: UniversalServerResponse): UniversalServerResponse {
  const { trailer } = answer;
  if (trailer === undefined) return answer;
  return {
    ...answer,
    // Read once the body has ended: only then is it whole.
    get trailer() {
      const message = trailer.get('grpc-message');
      if (message !== null) trailer.set('grpc-message', relaxed(message));
      return trailer;
    },
  };
}

/** Decodes what encodes visible ASCII or a space, except the percent sign itself. */
function relaxed(encoded: string): string {
  return encoded.replace(/%([2-7][0-9A-F])/g, (code, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return character === '%' || character === '\u007f' ? code : character;
  });
}

/** Connect answers a call that none of its protocols knows with a bare status. */
function explained(answer: UniversalServerResponse, handler: UniversalHandler): UniversalServerResponse {
  const message = whatToSend(answer.status, handler);
  if (message === undefined || answer.body !== undefined) return answer;
  const header = new Headers(answer.header);
  header.set('content-type', 'application/json');
  if (answer.status === 405) header.set('allow', handler.allowedMethods.join(', '));
  const text = utf8.encode(JSON.stringify({ code: 'invalid_argument', message }));
  return { ...answer, header, body: createAsyncIterable([text]) };
}

function whatToSend(status: number, { method, requestPath, allowedMethods }: UniversalHandler): string | undefined {
  const isUnary = method.methodKind === 'unary';
  const connect = isUnary
    ? ['application/json', 'application/proto']
    : ['application/connect+json', 'application/connect+proto'];
  const types = [...connect, 'application/grpc', 'application/grpc-web'].join(', ');
  switch (status) {
    case 405:
      return `${requestPath} takes ${allowedMethods.join(', ')}`;
    case 415:
      return `${requestPath} is an rpc: it takes a body of content-type ${types}${isUnary ? '' : ', as a stream of messages'}; send one of them`;
    case 505:
      return `${requestPath} is a stream in both directions, which needs HTTP/2`;
    default:
      return undefined;
  }
}

import { IncomingMessage, ServerResponse } from 'node:http';
import { Http2ServerRequest, Http2ServerResponse, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Permission } from '../../access/permissions.ts';
import type { Principal } from '../../access/principal.ts';

/**
 * Requests and responses of both HTTP versions, which let the budgets see all that goes through them. Node makes them by
 * the options of its servers ({@link MESSAGE_CLASSES}); those of HTTP/2 are used like those of HTTP/1.1.
 */
export type HttpRequest = Http1Request;
export type HttpResponse = Http1Response;

/** Answers requests of either HTTP version; never throws, and rejects nothing unheard. */
export type HttpHandler = (request: HttpRequest, response: HttpResponse) => void;

/** A plain HTTP path beside the rpcs. */
export interface HttpRoute {
  readonly path: string;
  readonly methods: readonly string[];
  readonly needs: Permission | 'nothing';
  /** Answers a request of a caller who may make it. */
  readonly handle: (request: HttpRequest, response: HttpResponse, caller: Principal) => void;
}

/** Called with each chunk of a body before anybody reads it; null at its end. */
type OnChunk = (chunk: Uint8Array | null) => void;
/** Called after something was written. */
type OnWritten = (isEnd: boolean) => void;

class Http1Request extends IncomingMessage {
  // Listening to `data` instead would make the body flow before its handler is there.
  onChunk: OnChunk = () => undefined;

  override push(chunk: Uint8Array | null, encoding?: BufferEncoding): boolean {
    this.onChunk(chunk);
    return super.push(chunk, encoding);
  }
}

class Http2Request extends Http2ServerRequest {
  onChunk: OnChunk = () => undefined;

  override push(chunk: Uint8Array | null, encoding?: BufferEncoding): boolean {
    this.onChunk(chunk);
    return super.push(chunk, encoding);
  }
}

class Http1Response extends ServerResponse {
  onWritten: OnWritten = () => undefined;

  override write(...sent: unknown[]): boolean {
    const flows = super.write(...(sent as Parameters<ServerResponse['write']>));
    this.onWritten(false);
    return flows;
  }

  override end(...sent: unknown[]): this {
    super.end(...(sent as Parameters<ServerResponse['end']>));
    this.onWritten(true);
    return this;
  }
}

class Http2Response extends Http2ServerResponse {
  onWritten: OnWritten = () => undefined;

  override write(...sent: unknown[]): boolean {
    const flows = super.write(...(sent as Parameters<Http2ServerResponse['write']>));
    this.onWritten(false);
    return flows;
  }

  override end(...sent: unknown[]): this {
    super.end(...(sent as Parameters<Http2ServerResponse['end']>));
    this.onWritten(true);
    return this;
  }
}

/** Options of Node's servers. */
export const MESSAGE_CLASSES = {
  http1: {
    IncomingMessage: Http1Request as typeof IncomingMessage,
    ServerResponse: Http1Response as typeof ServerResponse,
  },
  http2: {
    Http2ServerRequest: Http2Request as typeof Http2ServerRequest,
    Http2ServerResponse: Http2Response as typeof Http2ServerResponse,
  },
};

/** The stream of a message over HTTP/2. */
export function streamOf(message: IncomingMessage | ServerResponse): ServerHttp2Stream | undefined {
  return (message as { stream?: ServerHttp2Stream }).stream;
}

/** From which IP address a request comes; "unknown" once its connection is gone, and by a socket. */
export function addressOf({ socket }: IncomingMessage): string {
  // Over HTTP/2 it is one that Node makes around the connection's, and knows no address (Node 24.21, httpolyglot 3.1.0).
  const { stream } = socket as { stream?: Socket };
  return socket.remoteAddress ?? stream?.remoteAddress ?? 'unknown';
}

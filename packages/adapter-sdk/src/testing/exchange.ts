import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from 'node:http';

/** A complete request at a stand-in. */
export interface SeenRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A response of a stand-in. */
export interface StandInAnswer {
  readonly status: number;
  /** Absent: the content type of JSON. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A text is sent unchanged, anything else as JSON. Absent: `{}`. */
  readonly body?: unknown;
}

/** Options of {@link exchanges}. */
export interface ExchangeOptions {
  /** A larger body is dropped, and answered with `tooLarge`. Absent: 4 MiB. */
  readonly bodyMaxBytes?: number;
  /** Absent: 413. */
  readonly tooLarge?: StandInAnswer;
}

/** In how many pieces a slow body is sent. */
const PIECES = 10;

/** One complete request, and its connection. Without an answer, the caller hangs. */
export class Exchange {
  readonly request: SeenRequest;
  /** The bytes of the body. */
  readonly bytes: Buffer;
  readonly #response: ServerResponse;
  #onEnd: ((status: number | undefined) => void) | undefined;
  #isOver = false;

  constructor({ method = '', url: path = '', headers }: IncomingMessage, response: ServerResponse, bytes: Buffer) {
    this.request = { method, path, headers, body: bytes.toString() };
    this.bytes = bytes;
    this.#response = response;
    response.once('close', () => this.#end(undefined));
  }

  /** Calls the listener once: with the status when it is answered, or undefined when the connection closes before. */
  onEnd(listener: (status: number | undefined) => void): void {
    this.#onEnd = listener;
  }

  /** Calls `act` after the delay (at once when it is 0), unless the connection closes before. */
  after(delayMs: number, act: () => void): void {
    if (delayMs === 0) {
      act();
    } else {
      const timer = setTimeout(act, delayMs);
      this.#response.once('close', () => clearTimeout(timer));
    }
  }

  /** Answers, unless it was answered already. With `overMs`, the headers are sent at once and the body in pieces over this time. */
  answer({ status, headers, body }: StandInAnswer, overMs = 0): void {
    if (this.#isOver) return;
    const response = this.#response;
    response.statusCode = status;
    response.setHeader('content-type', 'application/json');
    for (const [name, value] of Object.entries(headers ?? {})) response.setHeader(name, value);
    const text = typeof body === 'string' ? body : JSON.stringify(body ?? {});
    if (overMs > 0) {
      response.once('finish', () => this.#end(status));
      trickle(response, Buffer.from(text), overMs);
    } else {
      // Ended before it is sent, so that the caller's next request does not overlap with this one.
      this.#end(status);
      response.end(text);
    }
  }

  /** Ends the connection by a TCP reset. */
  reset(): void {
    this.#response.socket?.resetAndDestroy();
  }

  /** Closes the connection. */
  cut(): void {
    this.#response.socket?.destroy();
  }

  #end(status: number | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onEnd?.(status);
  }
}

/**
 * A request listener for a stand-in: reads each request completely, and passes it to `handle`. Incomplete requests are
 * ignored. It uses events, which are faster than an async iterator: benchmarks use it.
 */
export function exchanges(
  handle: (exchange: Exchange) => unknown,
  { bodyMaxBytes = 4 * 1024 * 1024, tooLarge }: ExchangeOptions = {},
): RequestListener {
  return (request, response) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    request.on('data', (chunk: Buffer) => {
      const wasTooLarge = sizeBytes > bodyMaxBytes;
      sizeBytes += chunk.byteLength;
      if (sizeBytes <= bodyMaxBytes) chunks.push(chunk);
      if (sizeBytes <= bodyMaxBytes || wasTooLarge) return;
      const { headers, ...answer } = tooLarge ?? {
        status: 413,
        body: { status: 'error', message: `the body is over ${bodyMaxBytes} bytes` },
      };
      new Exchange(request, response, Buffer.of()).answer({ ...answer, headers: { connection: 'close', ...headers } });
    });
    request.on('end', () => {
      if (sizeBytes <= bodyMaxBytes) handle(new Exchange(request, response, Buffer.concat(chunks, sizeBytes)));
    });
  };
}

function trickle(response: ServerResponse, bytes: Buffer, overMs: number): void {
  response.flushHeaders();
  let sent = 0;
  const timer = setInterval(() => {
    sent += 1;
    const piece = bytes.subarray(
      Math.floor(((sent - 1) * bytes.length) / PIECES),
      Math.floor((sent * bytes.length) / PIECES),
    );
    if (sent < PIECES) {
      response.write(piece);
    } else {
      clearInterval(timer);
      response.end(piece);
    }
  }, overMs / PIECES);
  response.once('close', () => clearInterval(timer));
}

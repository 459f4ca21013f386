/** What requests may take at a time before anything of their bodies is read. */
export interface OpenRequestBounds {
  /** Of the headers of one. */
  readonly headerBytes: number;
  /** Of the headers of all that one connection has open. */
  readonly connectionHeaderBytes: number;
  /** Of the headers of all. */
  readonly totalHeaderBytes: number;
  /** Streams of one connection over HTTP/2. */
  readonly connectionRequests: number;
  /** Requests of one connection over HTTP/1.1, sent before the first of them is answered. */
  readonly pipelinedRequests: number;
  readonly totalRequests: number;
  /** Requests of one connection that took too much; after this many it is ended. */
  readonly connectionTurnedAway: number;
}

/**
 * 10,000 streams that watch and 2,000 that publish have room, with 600 bytes of headers each or, with a token, 2,500.
 * Connect copies headers several times: what is bounded here takes about ten times as much.
 */
export const OPEN_REQUEST_BOUNDS: OpenRequestBounds = {
  headerBytes: 16 * 1024,
  connectionHeaderBytes: 2 * 1024 * 1024,
  totalHeaderBytes: 32 * 1024 * 1024,
  connectionRequests: 2_048,
  pipelinedRequests: 16,
  totalRequests: 16_384,
  connectionTurnedAway: 128,
};

interface Taken {
  requests: number;
  headerBytes: number;
}

interface TakenByOne extends Taken {
  turnedAway: number;
}

/** Counts the requests that are open and the bytes of their headers, in all and of each connection. */
export class OpenRequests {
  readonly #bounds: OpenRequestBounds;
  readonly #ofConnection = new WeakMap<object, TakenByOne>();
  readonly #inAll: Taken = { requests: 0, headerBytes: 0 };

  constructor(bounds: OpenRequestBounds = OPEN_REQUEST_BOUNDS) {
    this.#bounds = bounds;
  }

  /** How many requests of the connection are open. */
  countOf(connection: object): number {
    return this.#ofConnection.get(connection)?.requests ?? 0;
  }

  /** Whether headers of this size are more than one request may have. */
  isTooLarge(headerBytes: number): boolean {
    return headerBytes > this.#bounds.headerBytes;
  }

  /** Whether as many requests of a connection over HTTP/1.1 are open as it may have. */
  isPipeFull(connection: object): boolean {
    return this.countOf(connection) >= this.#bounds.pipelinedRequests;
  }

  /** One more. Returns what is called once it is closed; undefined when there is no room for it. */
  open(connection: object, headerBytes: number): (() => void) | undefined {
    const own = this.#takenBy(connection);
    const { connectionRequests, connectionHeaderBytes, totalRequests, totalHeaderBytes } = this.#bounds;
    const isTooMuch =
      own.requests >= connectionRequests ||
      own.headerBytes + headerBytes > connectionHeaderBytes ||
      this.#inAll.requests >= totalRequests ||
      this.#inAll.headerBytes + headerBytes > totalHeaderBytes;
    if (isTooMuch) return undefined;
    add(own, 1, headerBytes);
    add(this.#inAll, 1, headerBytes);
    return () => {
      add(own, -1, -headerBytes);
      add(this.#inAll, -1, -headerBytes);
    };
  }

  /** One of the connection took too much and was turned away. Returns whether this many did that it should be ended. */
  turnedAway(connection: object): boolean {
    const own = this.#takenBy(connection);
    own.turnedAway += 1;
    return own.turnedAway >= this.#bounds.connectionTurnedAway;
  }

  #takenBy(connection: object): TakenByOne {
    const own = this.#ofConnection.get(connection) ?? { requests: 0, headerBytes: 0, turnedAway: 0 };
    this.#ofConnection.set(connection, own);
    return own;
  }
}

function add(taken: Taken, requests: number, headerBytes: number): void {
  taken.requests += requests;
  taken.headerBytes += headerBytes;
}

/** What a line of headers takes beside its name and its value, by RFC 9113, 6.5.2. */
const LINE_BYTES = 32;

/** The size of headers, as they came: name, value, name, value, ... */
export function headerBytesOf(rawHeaders: readonly string[]): number {
  return rawHeaders.reduce((sum, text) => sum + text.length, (rawHeaders.length / 2) * LINE_BYTES);
}

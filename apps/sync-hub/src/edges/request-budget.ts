import type { IncomingMessage, RequestListener } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';
import { createFramedMeter, createWholeMeter, isFramed } from './message-meter.ts';

/** What all requests together may hold of messages that are not whole yet. */
export interface BudgetBounds {
  readonly totalBytes: number;
  /** How long the rest of a message may take to come. */
  readonly messageMs: number;
}

/**
 * 64 of the largest messages at a time; and half a minute for one, as POST /sync gives. Without a bound one client
 * could take all memory with many streams that each send nearly a whole message and then wait.
 */
export const REQUEST_BUDGET: BudgetBounds = { totalBytes: 256 * 1024 * 1024, messageMs: 30_000 };

interface Unfinished {
  readonly request: IncomingMessage;
  bytes: number;
  /** When the message that is not whole began to come. */
  sinceMs: number;
}

/** Bounds what half-sent messages cost: a request that goes past the bounds is ended, and no other is touched. */
export class RequestBudget {
  readonly #bounds: BudgetBounds;
  readonly #unfinished = new Set<Unfinished>();
  readonly #timer: NodeJS.Timeout;
  #totalBytes = 0;

  constructor(bounds: BudgetBounds) {
    this.#bounds = bounds;
    this.#timer = setInterval(() => this.#endLate(), bounds.messageMs / 6);
    this.#timer.unref();
  }

  /** Bytes of messages that are not whole, of all requests. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  wrap(handler: RequestListener): RequestListener {
    return (request, response) => {
      this.#watch(request);
      handler(request, response);
    };
  }

  #watch(request: IncomingMessage): void {
    const meter = isFramed(request.headers['content-type'] ?? '') ? createFramedMeter() : createWholeMeter();
    const entry: Unfinished = { request, bytes: 0, sinceMs: 0 };
    const push = request.push.bind(request);
    // Every chunk of either HTTP version comes through here, before anybody reads it. Listening to `data` would make
    // the request flow before its handler is there.
    request.push = (chunk: Uint8Array | null) => {
      // Null is the end: the message is whole, or never will be.
      this.#set(entry, chunk === null ? 0 : meter.take(chunk));
      if (this.#totalBytes > this.#bounds.totalBytes) this.#end(entry);
      return push(chunk);
    };
    request.once('close', () => this.#set(entry, 0));
  }

  #set(entry: Unfinished, bytes: number): void {
    if (entry.bytes === 0 && bytes > 0) {
      entry.sinceMs = performance.now();
      this.#unfinished.add(entry);
    }
    if (bytes === 0) this.#unfinished.delete(entry);
    this.#totalBytes += bytes - entry.bytes;
    entry.bytes = bytes;
  }

  #end(entry: Unfinished): void {
    this.#set(entry, 0);
    // Destroying an HTTP/2 request ends its reading alone and leaves its stream open.
    const { stream } = entry.request as IncomingMessage & { stream?: ServerHttp2Stream };
    if (stream === undefined) entry.request.destroy();
    else stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  #endLate(): void {
    const nowMs = performance.now();
    for (const entry of this.#unfinished) {
      if (nowMs - entry.sinceMs > this.#bounds.messageMs) this.#end(entry);
    }
  }
}

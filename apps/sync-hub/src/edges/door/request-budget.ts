import { constants } from 'node:http2';
import { createFramedMeter, createWholeMeter, isFramed } from './message-meter.ts';
import { type HttpRequest, type HttpResponse, streamOf } from './messages.ts';

/** What all requests together may hold of messages that are not whole yet. */
export interface BudgetBounds {
  readonly totalBytes: number;
  /** How long a message may take to come, and the end of a request that has one message. */
  readonly messageMs: number;
}

/**
 * 64 of the largest messages at a time; and half a minute for one, a moment more than POST /sync, which says why it ends.
 * Without a bound one client could take all memory with many streams that each send nearly a whole message and then wait.
 */
export const REQUEST_BUDGET: BudgetBounds = { totalBytes: 256 * 1024 * 1024, messageMs: 31_000 };

/** How many times in that time it is checked who is late. */
const LOOKS = 15;

interface Unfinished {
  readonly request: HttpRequest;
  /** Whether the caller may be silent between two messages, for as long as it likes. */
  mayRest: boolean;
  bytes: number;
  /** When what is awaited began. */
  sinceMs: number;
}

/**
 * Bounds what half-sent requests cost: one that goes past the bounds is ended, and no other is touched. A request that has
 * one message must be whole in time, one that has many must not stop in the middle of one.
 */
export class RequestBudget {
  readonly #bounds: BudgetBounds;
  readonly #unfinished = new Set<Unfinished>();
  readonly #timer: NodeJS.Timeout;
  #totalBytes = 0;

  constructor(bounds: BudgetBounds) {
    this.#bounds = bounds;
    this.#timer = setInterval(() => this.#endLate(), bounds.messageMs / LOOKS);
    this.#timer.unref();
  }

  /** Bytes of messages that are not whole, of all requests. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** @param options.hasMany whether the request has many messages, which come when there is something to say */
  watch(request: HttpRequest, response: HttpResponse, { hasMany = false } = {}): void {
    const entry = { request, mayRest: hasMany, bytes: 0, sinceMs: performance.now() };
    const meter = isFramed(request.headers['content-type'] ?? '') ? createFramedMeter() : createWholeMeter();
    if (!hasMany) this.#unfinished.add(entry);
    request.onChunk = (chunk) => {
      // Null is the end: the message is whole, or never will be.
      if (chunk === null) this.#forget(entry);
      else this.#set(entry, meter.measure(chunk));
      if (this.#totalBytes > this.#bounds.totalBytes) this.#end(entry);
    };
    // Over HTTP/2 a request that nobody reads any more is closed before its stream is.
    request.once('close', () => this.#set(entry, 0));
    (streamOf(request) ?? request).once('close', () => this.#forget(entry));
    // Answered, it has nothing more to say, and would keep its stream.
    (streamOf(request) ?? response).once('finish', () => this.#expectEnd(entry));
  }

  #set(entry: Unfinished, bytes: number): void {
    if (entry.mayRest && entry.bytes === 0 && bytes > 0) {
      entry.sinceMs = performance.now();
      this.#unfinished.add(entry);
    }
    if (entry.mayRest && bytes === 0) this.#unfinished.delete(entry);
    this.#totalBytes += bytes - entry.bytes;
    entry.bytes = bytes;
  }

  #expectEnd(entry: Unfinished): void {
    if (!entry.mayRest || (streamOf(entry.request) ?? entry.request).closed || entry.request.readableEnded) return;
    entry.mayRest = false;
    entry.sinceMs = performance.now();
    this.#unfinished.add(entry);
  }

  #forget(entry: Unfinished): void {
    this.#set(entry, 0);
    this.#unfinished.delete(entry);
  }

  #end(entry: Unfinished): void {
    this.#forget(entry);
    // Destroying an HTTP/2 request ends its reading alone and leaves its stream open.
    const stream = streamOf(entry.request);
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

import { constants } from 'node:http2';
import { type HttpResponse, streamOf } from './messages.ts';

/**
 * What all answers together may hold of bytes that their clients do not take: 500 of the largest events. Without a
 * bound one client could take all memory with small requests for large answers and a window that it never opens.
 */
const UNSENT_BYTES_MAX = 128 * 1024 * 1024;

/** How far unsent bytes are brought down once they are too many, so that not every write has to look at all answers. */
const ROOM_SHARE = 0.25;

/** An answer that is complete ends when none of it was taken for this long: it would keep its place among the requests. */
const STILL_MAX_MS = 30_000;

/** An answer, and how many of its bytes were unsent when it was looked at last. */
interface Unsent {
  readonly response: HttpResponse;
  bytes: number;
}

/**
 * Bounds what unread answers cost. Past the bound those end that were written to least recently: an answer that moves is
 * written to again and again, one that stalls is not.
 */
export class ResponseBudget {
  readonly #totalBytesMax: number;
  readonly #stillMaxMs: number;
  /** Those written to least recently first. */
  readonly #unsent = new Set<Unsent>();
  /** At least what is unsent: what went out since is taken off when it matters. */
  #totalBytes = 0;

  constructor({ totalBytesMax = UNSENT_BYTES_MAX, stillMaxMs = STILL_MAX_MS } = {}) {
    this.#totalBytesMax = totalBytesMax;
    this.#stillMaxMs = stillMaxMs;
  }

  watch(response: HttpResponse): void {
    const entry: Unsent = { response, bytes: 0 };
    response.onWritten = (isEnd) => {
      this.#written(entry);
      if (isEnd) this.#endWhenStill(entry);
    };
    response.once('close', () => this.#forget(entry));
  }

  #endWhenStill(entry: Unsent): void {
    const { response } = entry;
    if (isOver(response)) return;
    let { bytes } = entry;
    const timer = setTimeout(() => {
      this.#measure(entry);
      if (entry.bytes >= bytes) {
        this.#end(entry);
        return;
      }
      bytes = entry.bytes;
      timer.refresh();
    }, this.#stillMaxMs);
    response.once('close', () => clearTimeout(timer));
  }

  #written(entry: Unsent): void {
    this.#unsent.delete(entry);
    this.#unsent.add(entry);
    this.#measure(entry);
    if (this.#totalBytes > this.#totalBytesMax) this.#makeRoom();
  }

  #measure(entry: Unsent): void {
    // What nobody will send is let go with the answer, some turns of the event loop later.
    const bytes = isOver(entry.response) ? 0 : entry.response.writableLength;
    this.#totalBytes += bytes - entry.bytes;
    entry.bytes = bytes;
  }

  #makeRoom(): void {
    for (const entry of this.#unsent) this.#measure(entry);
    if (this.#totalBytes <= this.#totalBytesMax) return;
    for (const entry of this.#unsent) {
      if (this.#totalBytes <= this.#totalBytesMax * (1 - ROOM_SHARE)) return;
      if (entry.bytes > 0) this.#end(entry);
    }
  }

  #end(entry: Unsent): void {
    this.#forget(entry);
    const { response } = entry;
    const stream = streamOf(response);
    if (stream === undefined) response.destroy();
    else stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  #forget(entry: Unsent): void {
    this.#unsent.delete(entry);
    this.#totalBytes -= entry.bytes;
    entry.bytes = 0;
  }
}

/** The `destroyed` of an answer over HTTP/2 says nothing. */
function isOver(response: HttpResponse): boolean {
  return streamOf(response)?.destroyed ?? response.destroyed;
}

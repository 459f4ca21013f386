/**
 * How long something is valid, for those who wait meanwhile. A set and not an AbortSignal: each listener that is added to
 * a signal, or taken away, costs a look at all of them, and one credential may have ten thousand streams.
 */
export class Lifetime {
  readonly #waiting = new Set<() => void>();
  #isOver = false;

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Calls back when it ends, at once if it has. Returns what takes the callback away. */
  onEnd(callback: () => void): () => void {
    if (this.#isOver) callback();
    else this.#waiting.add(callback);
    return () => this.#waiting.delete(callback);
  }

  end(): void {
    this.#isOver = true;
    for (const callback of this.#waiting) callback();
    this.#waiting.clear();
  }
}

/** setTimeout holds no more. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * How long something is valid, for those who wait meanwhile. A set and not an AbortSignal: each listener that is added to
 * a signal, or taken away, costs a look at all of them, and one credential may have ten thousand streams.
 */
export class Lifetime {
  readonly #within: Lifetime | undefined;
  readonly #waiting = new Set<() => void>();
  #isOver = false;
  #endsAtMs = Number.POSITIVE_INFINITY;
  /** Runs while somebody waits: ten thousand credentials that nobody uses cost no timer. */
  #timer: NodeJS.Timeout | undefined;
  /** Stops listening to the one that it is within. Set while somebody waits, for the same reason. */
  #leave: (() => void) | undefined;

  /** @param within one that ends this one with it, such as that of the rule by which a credential counts */
  constructor(within?: Lifetime) {
    this.#within = within;
  }

  get isOver(): boolean {
    return this.#isOver || Date.now() >= this.#endsAtMs || this.#within?.isOver === true;
  }

  /** Calls back when it ends, at once if it has. Returns what takes the callback away. */
  onEnd(callback: () => void): () => void {
    if (this.isOver) {
      callback();
      return () => undefined;
    }
    this.#waiting.add(callback);
    if (this.#timer === undefined) this.#wait();
    return () => {
      this.#waiting.delete(callback);
      if (this.#waiting.size === 0) this.#stopWaiting();
    };
  }

  end(): void {
    this.#isOver = true;
    this.#stopWaiting();
    for (const callback of this.#waiting) callback();
    this.#waiting.clear();
  }

  /** Ends it after a time of any length, unless it ends before. */
  endAfter(afterMs: number): void {
    this.#endsAtMs = Math.min(this.#endsAtMs, Date.now() + afterMs);
    this.#stopWaiting();
    if (this.isOver) this.end();
    else if (this.#waiting.size > 0) this.#wait();
  }

  #wait(): void {
    this.#leave ??= this.#within?.onEnd(() => this.end());
    if (this.#endsAtMs === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.min(Math.max(0, this.#endsAtMs - Date.now()), TIMER_MAX_MS);
    this.#timer = setTimeout(() => (this.isOver ? this.end() : this.#wait()), waitMs);
    this.#timer.unref();
  }

  #stopWaiting(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#leave?.();
    this.#leave = undefined;
  }
}

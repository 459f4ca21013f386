/**
 * Lets at most N pieces of work run at a time; the others wait, in the order in which they came. For work that costs
 * much more than asking for it: what all callers together ask for at once must not be in memory at once.
 */
export class Semaphore {
  readonly #permits: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(permits: number) {
    this.#permits = permits;
  }

  /**
   * Does the work as soon as a permit is free.
   *
   * @param signal of a caller who may leave meanwhile: then nothing is done
   * @throws what the work throws, and the signal's reason
   */
  async run<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    if (this.#running === this.#permits) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    try {
      signal?.throwIfAborted();
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The permit goes from hand to hand, so that nobody who comes just now goes first.
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}

/**
 * Lets only so many pieces of work run at a time; the others wait, in the order in which they came. For work that costs
 * much more than asking for it: what all callers together ask for at once must not be in memory at once.
 */
export class Turns {
  readonly #atATime: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(atATime: number) {
    this.#atATime = atATime;
  }

  /**
   * Does the work when its turn has come.
   *
   * @param signal of a caller who may go away meanwhile: then nothing is done
   * @throws what the work throws, and the signal's reason
   */
  async run<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    if (this.#running === this.#atATime) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    try {
      signal?.throwIfAborted();
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The turn goes from hand to hand, so that nobody who comes just now goes first.
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}

import { nextRandom, type Random } from '../src/core/random.ts';

/** Seeded random numbers: every choice of a schedule comes from here, so that its seed replays it. */
export class Rng {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = { seed };
  }

  /** True with this probability: 0 never, 1 always. */
  chance(probability: number): boolean {
    return nextRandom(this.#random) < probability;
  }

  /** A whole number from low to high, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(nextRandom(this.#random) * (high - low + 1));
  }

  pick<Item>(items: readonly [Item, ...Item[]]): Item;
  pick<Item>(items: readonly Item[]): Item | undefined;
  pick<Item>(items: readonly Item[]): Item | undefined {
    return items[this.between(0, items.length - 1)];
  }
}

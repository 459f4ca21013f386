/** The state of a sequence of random numbers. {@link nextRandom} writes to it. */
export interface Random {
  seed: number;
}

/**
 * The next number of a small deterministic generator (mulberry32): good enough to spread retries, and the same for
 * the same seed, which is what lets a simulated schedule be played again.
 *
 * @returns from 0 to below 1
 */
export function nextRandom(random: Random): number {
  random.seed = (random.seed + 0x6d2b79f5) | 0;
  let bits = Math.imul(random.seed ^ (random.seed >>> 15), random.seed | 1);
  bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
  return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
}

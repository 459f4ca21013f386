/** The next number in [0, 1). */
export type Random = () => number;

/**
 * A generator that gives the same numbers for the same seed: a counter that walks all 32-bit numbers by the golden
 * ratio, each scrambled until neighbours look unrelated. Good enough for an error rate, not for secrets.
 */
export const seededRandom = (seed: number): Random => {
  let counter = seed | 0;
  return () => {
    counter = (counter + 0x9e37_79b9) | 0;
    let mixed = Math.imul(counter ^ (counter >>> 16), 0x85eb_ca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
};

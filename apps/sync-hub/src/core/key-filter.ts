import { spread, textHash } from './text-hash.ts';

/**
 * A set of keys in a fixed number of bits (a Bloom filter): it may say yes to a key that was never added, but never no
 * to one that was. A million keys in 512 KiB are answered wrongly one time in seven, ten thousand one time in 40,000.
 */
export class KeyFilter {
  readonly #bits: Uint32Array;
  readonly #mask: number;
  readonly #salt: number;

  /**
   * @param sizeBits a power of two, at least 32
   * @param salt another one makes other keys collide
   */
  constructor(sizeBits: number, salt: number) {
    this.#bits = new Uint32Array(sizeBits / 32);
    this.#mask = sizeBits - 1;
    this.#salt = salt;
  }

  add(key: string): void {
    const hash = textHash(key, this.#salt);
    this.#set(hash & this.#mask);
    this.#set(spread(hash) & this.#mask);
  }

  mayHave(key: string): boolean {
    const hash = textHash(key, this.#salt);
    return this.#isSet(hash & this.#mask) && this.#isSet(spread(hash) & this.#mask);
  }

  #set(bit: number): void {
    this.#bits[bit >>> 5] = (this.#bits[bit >>> 5] ?? 0) | (1 << (bit & 31));
  }

  #isSet(bit: number): boolean {
    return ((this.#bits[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0;
  }
}

/** A dead letter that holds its key. */
export interface DeadLetterOfKey {
  readonly key: string;
  readonly seq: number;
}

/**
 * The keys that wait for a person, each from its first dead letter on: what comes behind that one is not attempted
 * until it was replayed and delivered, or discarded. About 200 bytes for a dead letter.
 */
export class HeldKeys {
  /** In rising order. */
  readonly #seqsByKey = new Map<string, readonly number[]>();
  readonly #keyBySeq = new Map<number, string>();

  get size(): number {
    return this.#seqsByKey.size;
  }

  add({ key, seq }: DeadLetterOfKey): void {
    const seqs = this.#seqsByKey.get(key) ?? [];
    this.#seqsByKey.set(
      key,
      [...seqs, seq].sort((left, right) => left - right),
    );
    this.#keyBySeq.set(seq, key);
  }

  /** This one holds its key no longer. Undefined when it did not. */
  remove(seq: number): DeadLetterOfKey | undefined {
    const key = this.#keyBySeq.get(seq);
    if (key === undefined) return undefined;
    this.#keyBySeq.delete(seq);
    const others = (this.#seqsByKey.get(key) ?? []).filter((other) => other !== seq);
    if (others.length === 0) this.#seqsByKey.delete(key);
    else this.#seqsByKey.set(key, others);
    return { key, seq };
  }

  /** The first dead letter of a key; Infinity when it has none. */
  firstSeq(key: string): number {
    return this.#seqsByKey.get(key)?.[0] ?? Number.POSITIVE_INFINITY;
  }

  /** True when a dead letter is ahead of this delivery. */
  holds({ key, seq }: DeadLetterOfKey): boolean {
    return this.#seqsByKey.size > 0 && seq > this.firstSeq(key);
  }
}

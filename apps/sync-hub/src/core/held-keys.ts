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
  readonly #seqsByKey = new Map<string, number[]>();
  readonly #keyBySeq = new Map<number, string>();

  add({ key, seq }: DeadLetterOfKey): void {
    if (this.#keyBySeq.has(seq)) return;
    const seqs = this.#seqsByKey.get(key);
    if (seqs === undefined) this.#seqsByKey.set(key, [seq]);
    else seqs.splice(placeOf(seq, seqs), 0, seq);
    this.#keyBySeq.set(seq, key);
  }

  /** This one holds its key no longer. Undefined when it did not. */
  remove(seq: number): DeadLetterOfKey | undefined {
    const key = this.#keyBySeq.get(seq);
    if (key === undefined) return undefined;
    this.#keyBySeq.delete(seq);
    const seqs = this.#seqsByKey.get(key) ?? [];
    seqs.splice(placeOf(seq, seqs), 1);
    if (seqs.length === 0) this.#seqsByKey.delete(key);
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

/** Where it stands, or would stand, in a rising order. One key may have a hundred thousand, so they are not all looked at. */
function placeOf(seq: number, seqs: readonly number[]): number {
  let from = 0;
  let to = seqs.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((seqs[middle] ?? 0) < seq) from = middle + 1;
    else to = middle;
  }
  return from;
}

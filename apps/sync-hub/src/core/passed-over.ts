import { KeyFilter } from './key-filter.ts';

/** Deliveries of one key, or a single one without a key. */
export interface PassedRange {
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly key: string;
  /** The oldest of them; Infinity when that is not known. */
  readonly acceptedAtMs: number;
}

/**
 * Open deliveries that a lane has read and does not hold: they gave their place to others, or found none. They are in
 * the journal, somewhere between two seqs, and are read again from there; of a million of them only this much is known.
 */
export class PassedOver {
  #fromSeq = Number.POSITIVE_INFINITY;
  #toSeq = 0;
  #oldestAcceptedAtMs = Number.POSITIVE_INFINITY;
  readonly #keys: KeyFilter;

  /** See {@link KeyFilter}. */
  constructor(sizeBits: number, salt: number) {
    this.#keys = new KeyFilter(sizeBits, salt);
  }

  get fromSeq(): number {
    return this.#fromSeq;
  }

  get toSeq(): number {
    return this.#toSeq;
  }

  /** In milliseconds since 1970; Infinity when it is not known. */
  get oldestAcceptedAtMs(): number {
    return this.#oldestAcceptedAtMs;
  }

  add({ fromSeq, toSeq, key, acceptedAtMs }: PassedRange): void {
    this.#oldestAcceptedAtMs = Math.min(this.#oldestAcceptedAtMs, acceptedAtMs);
    this.#fromSeq = Math.min(this.#fromSeq, fromSeq);
    this.#toSeq = Math.max(this.#toSeq, toSeq);
    if (key !== '') this.#keys.add(key);
  }

  /** False: nothing of this key was passed over. */
  mayHave(key: string): boolean {
    return this.#keys.mayHave(key);
  }
}

import type { OpenDelivery } from '../core/delivery.ts';

/** So many at once: each is looked up and recorded, and more would hold up what others read and record. */
export const MAX_DISCARDS = 256;

/** Deliveries that people give up, each from the request until that is on disk or the lane left it alone. */
export class PendingDiscards {
  readonly #bySeq = new Map<number, PromiseWithResolvers<boolean>>();

  /**
   * Somebody gives deliveries up.
   *
   * @param deliveries at most {@link MAX_DISCARDS}
   * @returns those that nobody else is giving up already; `count` resolves to how many of them were given up, and
   * rejects when that cannot be known any more
   */
  begin(deliveries: readonly Pick<OpenDelivery, 'event'>[]): { seqs: readonly number[]; count: Promise<number> } {
    if (deliveries.length > MAX_DISCARDS)
      throw new RangeError(`${deliveries.length} deliveries were named; at most ${MAX_DISCARDS} are given up at once`);
    const named = new Set(deliveries.map(({ event }) => event.seq));
    const seqs = [...named].filter((seq) => !this.#bySeq.has(seq));
    return { seqs, count: this.#wait(seqs) };
  }

  end(seq: number, isDiscarded: boolean): void {
    this.#bySeq.get(seq)?.resolve(isDiscarded);
    this.#bySeq.delete(seq);
  }

  /** The journal ended: nobody will know. */
  fail(error: Error): void {
    for (const { reject } of this.#bySeq.values()) reject(error);
    this.#bySeq.clear();
  }

  async #wait(seqs: readonly number[]): Promise<number> {
    const answers = seqs.map((seq) => {
      const answer = Promise.withResolvers<boolean>();
      this.#bySeq.set(seq, answer);
      return answer.promise;
    });
    return (await Promise.all(answers)).filter((isDiscarded) => isDiscarded).length;
  }
}

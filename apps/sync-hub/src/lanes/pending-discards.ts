/** So many at once: each is looked up and recorded, and more would hold up what others read and record. */
export const MAX_DISCARDS = 256;

/** Deliveries that people give up, each from the request until that is on disk or the lane left it alone. */
export class PendingDiscards {
  readonly #bySeq = new Map<number, PromiseWithResolvers<boolean>>();

  has(seq: number): boolean {
    return this.#bySeq.has(seq);
  }

  /** Resolves to how many of these were given up; rejects when that cannot be known any more. */
  async wait(seqs: readonly number[]): Promise<number> {
    const answers = seqs.map((seq) => {
      const answer = Promise.withResolvers<boolean>();
      this.#bySeq.set(seq, answer);
      return answer.promise;
    });
    return (await Promise.all(answers)).filter((isDiscarded) => isDiscarded).length;
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
}

/** What happened to an event before it was published again, on its way from the journal to the caller. */
export interface UntoldHistory {
  /** All of it comes after this place. */
  readonly place: number;
}

/**
 * The histories that one stream has still to tell. A caller resumes from the last cursor that it saw, so what is told
 * before them must carry none that is past their beginning.
 */
export class UntoldHistories {
  readonly #histories = new Set<UntoldHistory>();
  #lowestPlace = Number.POSITIVE_INFINITY;

  begin(place: number): UntoldHistory {
    const history = { place };
    this.#histories.add(history);
    this.#lowestPlace = Math.min(this.#lowestPlace, place);
    return history;
  }

  /** All of it is told, or never will be. Idempotent. */
  end(history: UntoldHistory): void {
    if (!this.#histories.delete(history) || history.place > this.#lowestPlace) return;
    this.#lowestPlace = Number.POSITIVE_INFINITY;
    for (const { place } of this.#histories) this.#lowestPlace = Math.min(this.#lowestPlace, place);
  }

  /** The place that what is told now must not be past; Infinity when there is none. */
  bound(teller?: UntoldHistory): number {
    // A history that is told alone cannot be past itself.
    const isAlone = teller !== undefined && this.#histories.size === 1 && this.#histories.has(teller);
    return isAlone ? Number.POSITIVE_INFINITY : this.#lowestPlace;
  }
}

import { earlier, isWithin, type Positions } from '../../journal/positions.ts';

/** What happened to an event before it was published again, on its way from the journal to the caller. */
export interface UnreadHistory {
  /** All of it comes after this place. */
  readonly place: Positions;
}

/**
 * The histories that one stream has still to send. A caller resumes from the last cursor that it saw, so what is sent
 * before them must carry none that is past their beginning.
 */
export class UnreadHistories {
  readonly #histories = new Set<UnreadHistory>();
  /** The newest place that lies before all of them; undefined when there are none. */
  #bound: Positions | undefined;

  begin(place: Positions): UnreadHistory {
    const history = { place };
    this.#histories.add(history);
    this.#bound = this.#bound === undefined ? place : earlier(this.#bound, place);
    return history;
  }

  /** All of it is sent, or never will be. Idempotent. */
  end(history: UnreadHistory): void {
    if (!this.#histories.delete(history)) return;
    this.#bound = undefined;
    for (const { place } of this.#histories)
      this.#bound = this.#bound === undefined ? place : earlier(this.#bound, place);
  }

  /**
   * The place that a caller resumes from who has seen everything up to the given one: that, or an earlier one while a
   * history is not sent.
   *
   * @param reader the history that it is part of, or comes after: a history that is sent alone cannot be past itself
   */
  resumable(place: Positions, reader?: UnreadHistory): Positions {
    if (this.#bound === undefined) return place;
    if (reader !== undefined && this.#histories.size === 1 && this.#histories.has(reader)) return place;
    return isWithin(place, this.#bound) ? place : earlier(place, this.#bound);
  }
}

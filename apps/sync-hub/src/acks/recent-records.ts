import type { RecordedDelivery } from '../core/delivery.ts';

/** The newest records, so that those who keep up with the hub are not read for from the disk. */
export class RecentRecords {
  readonly #capacity: number;
  #records: RecordedDelivery[] = [];
  /** Records up to this cursor are not here. */
  #floor: number;

  /** @param lastCursor the newest record in the journal; none up to it is here */
  constructor(options: { capacity: number; lastCursor: number }) {
    this.#capacity = options.capacity;
    this.#floor = options.lastCursor;
  }

  /** The newest record's place, here or, before there is one, in the journal. */
  get lastCursor(): number {
    return this.#records.at(-1)?.cursor ?? this.#floor;
  }

  add(records: readonly RecordedDelivery[]): void {
    for (const record of records) this.#records.push(record);
    // Twice the capacity before anything is moved, so that each record is moved at most once.
    if (this.#records.length < 2 * this.#capacity) return;
    const dropped = this.#records.length - this.#capacity;
    this.#floor = this.#records[dropped - 1]?.cursor ?? this.#floor;
    this.#records = this.#records.slice(dropped);
  }

  /** Goes past records without keeping them, and lets go of those before them. */
  pass(records: readonly RecordedDelivery[]): void {
    this.#floor = records.at(-1)?.cursor ?? this.lastCursor;
    this.#records = [];
  }

  /** Up to `limit` records after a place; undefined when some of them are only in the journal. */
  after(cursor: number, limit: number): readonly RecordedDelivery[] | undefined {
    if (cursor < this.#floor) return undefined;
    const start = this.#firstAfter(cursor);
    return this.#records.slice(start, start + limit);
  }

  #firstAfter(cursor: number): number {
    let low = 0;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#records[middle]?.cursor ?? 0) > cursor) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

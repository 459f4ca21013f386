import type { RecordedDelivery } from '../core/delivery.ts';
import { isAfter, isWithin, MovingPlace, type Positions } from '../journal/positions.ts';

/** Some records of the ones in memory. */
export interface RecentPage {
  readonly records: readonly RecordedDelivery[];
  /** Where the next page begins. */
  readonly next: number;
}

/**
 * The newest records in the order of commit, so that those who keep up with the hub are not read for from the disk.
 * A record's offset is its number since the start of the process: with it a reader continues where it stopped.
 */
export class RecentRecords {
  readonly #capacity: number;
  /** Of each lane the newest record. */
  readonly #newest: MovingPlace;
  #records: RecordedDelivery[] = [];
  /** The offset of the first of them. */
  #start = 0;
  /** The place right before the first of them; undefined: there is none, and it is the newest. */
  #floor: MovingPlace | undefined;
  /** A copy of the newest place, until the next record. */
  #place: Positions | undefined;

  /** @param newest the newest records of the journal; none up to them is here */
  constructor(options: { capacity: number; newest: Positions }) {
    this.#capacity = options.capacity;
    this.#newest = new MovingPlace(options.newest);
  }

  /** The place after the newest record, as it is now: it does not change. */
  get place(): Positions {
    this.#place ??= new Map(this.newest);
    return this.#place;
  }

  /** The same, but it changes with the next record: for use at once. */
  get newest(): Positions {
    return this.#newest.positions;
  }

  /** Adds one record. */
  add(record: RecordedDelivery): void {
    this.#floor ??= new MovingPlace(this.newest);
    this.#advance(record);
    this.#records.push(record);
    // Twice the capacity before anything is moved, so that each record is moved at most once.
    if (this.#records.length < 2 * this.#capacity) return;
    const dropped = this.#records.splice(0, this.#records.length - this.#capacity);
    for (const one of dropped) this.#floor.move(one);
    this.#start += dropped.length;
  }

  /** Passes a record without keeping it, and forgets those before it. */
  pass(record: RecordedDelivery): void {
    this.#advance(record);
    this.#start += this.#records.length + 1;
    if (this.#records.length > 0) this.#records = [];
    this.#floor = undefined;
  }

  /**
   * Up to `limit` records after a place; undefined when some of them are only in the journal.
   *
   * @param place what the reader has
   * @param offset `next` of the page before; undefined for the first
   */
  read(place: Positions, { offset, limit }: { offset: number | undefined; limit: number }): RecentPage | undefined {
    let from = offset ?? -1;
    if (from < this.#start) {
      if (!isWithin((this.#floor ?? this.#newest).positions, place)) return undefined;
      from = this.#start;
    }
    const records: RecordedDelivery[] = [];
    let index = from - this.#start;
    for (; index < this.#records.length && records.length < limit; index += 1) {
      const record = this.#records[index];
      if (record !== undefined && isAfter(record, place)) records.push(record);
    }
    return { records, next: this.#start + index };
  }

  #advance(record: RecordedDelivery): void {
    this.#newest.move(record);
    this.#place = undefined;
  }
}

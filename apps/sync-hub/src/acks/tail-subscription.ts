import type { RecordedDelivery } from '../core/delivery.ts';
import { MovingPlace, type Positions } from '../journal/positions.ts';
import { BoundedQueue } from '../queues/bounded-queue.ts';
import type { DeliveryUpdate } from './delivery-update.ts';

/** HELD is reported as it happens; a reader that is so far behind has newer records to read first. */
const HELD_MAX = 256;

/** One reader of all acks: how far it is, what wakes it, and which HELD it did not get yet. */
export class TailSubscription {
  readonly #place: MovingPlace;
  #held: (DeliveryUpdate & { kind: 'held' })[] = [];
  /** One notification is for all that there is. */
  readonly #news: BoundedQueue<true>;
  /** Where it continues among the recent records. */
  offset: number | undefined;

  /** @param signal of the reader, who is not woken for anything after it */
  constructor(after: Positions, signal: AbortSignal) {
    this.#place = new MovingPlace(after);
    this.#news = new BoundedQueue({ capacity: 1, signal, whenFull: 'drop' });
  }

  /** What it has. Changes as it reads. */
  get place(): Positions {
    return this.#place.positions;
  }

  /** Something new is there. */
  wake(): void {
    this.#news.push(true);
  }

  /** It reads this record now. */
  advance(record: RecordedDelivery): void {
    this.#place.move(record);
  }

  /** It has all that there is up to this place: what it did not get was deleted after its time. */
  skipTo(place: Positions): void {
    for (const [adapter, position] of place) {
      if (position > (this.place.get(adapter) ?? 0)) this.#place.move({ adapter, position });
    }
  }

  /** Keeps a HELD until it is read; past the bound it is dropped, for it is on no record that could be missed. */
  hold(update: DeliveryUpdate & { kind: 'held' }): void {
    if (this.#held.length < HELD_MAX) this.#held.push(update);
    this.wake();
  }

  /** A HELD that was not read before its delivery's next record is over: read after that it would be untrue. */
  recorded({ seq, adapter }: RecordedDelivery): void {
    if (this.#held.length === 0) return;
    this.#held = this.#held.filter(({ held }) => held.seq !== seq || held.adapter !== adapter);
  }

  drainHeld(): readonly DeliveryUpdate[] {
    const held = this.#held;
    this.#held = [];
    return held;
  }

  /** Resolves once something is new, or the signal has aborted. */
  async somethingNew(): Promise<void> {
    await this.#news.drain();
  }
}

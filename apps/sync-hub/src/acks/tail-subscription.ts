import type { RecordedDelivery } from '../core/delivery.ts';
import { MovingPlace, type Positions } from '../journal/positions.ts';
import type { DeliveryUpdate } from './delivery-update.ts';

/** HELD is reported as it happens; a reader that is so far behind has newer records to read first. */
const HELD_MAX = 256;

/** One reader of all acks: how far it is, what wakes it, and which HELD it did not get yet. */
export class TailSubscription {
  readonly #place: MovingPlace;
  #held: (DeliveryUpdate & { kind: 'held' })[] = [];
  #wake: () => void = () => undefined;
  /** Where it continues among the recent records. */
  offset: number | undefined;

  constructor(after: Positions) {
    this.#place = new MovingPlace(after);
  }

  /** What it has. Changes as it reads. */
  get place(): Positions {
    return this.#place.positions;
  }

  /** Something new is there. Also called with the event of an aborted signal. */
  readonly wake = (): void => this.#wake();

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
    this.#wake();
  }

  /** A HELD that was not read before its delivery's next record is over: read after that it would be untrue. */
  recorded({ seq, adapter }: RecordedDelivery): void {
    if (this.#held.length === 0) return;
    this.#held = this.#held.filter(({ held }) => held.seq !== seq || held.adapter !== adapter);
  }

  takeHeld(): readonly DeliveryUpdate[] {
    const held = this.#held;
    this.#held = [];
    return held;
  }

  /** Resolves with the next wake. Nothing may be awaited between looking for news and calling this. */
  somethingNew(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

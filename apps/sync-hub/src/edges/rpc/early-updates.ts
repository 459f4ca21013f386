import type { DeliveryUpdate } from '../../acks/delivery-update.ts';
import type { DeliveryListener } from '../../acks/followed-events.ts';
import type { Positions } from '../../journal/positions.ts';

/** Updates of an event that came before its acceptance was sent: they wait for that. */
export class EarlyUpdates {
  readonly #early: (readonly [DeliveryUpdate, Positions])[] = [];
  // The place changes with the next record.
  #listener: DeliveryListener = (update, place) => this.#early.push([update, new Map(place)]);

  readonly listen: DeliveryListener = (update, place) => this.#listener(update, place);

  /** From here on the listener gets everything at once, and first what was kept. */
  release(listener: DeliveryListener): void {
    this.#listener = listener;
    for (const [update, place] of this.#early.splice(0)) listener(update, place);
  }
}

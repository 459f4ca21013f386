import type { RecordedDelivery } from '../core/delivery.ts';
import type { AcceptedEvent } from '../core/event.ts';
import type { Positions } from '../journal/positions.ts';

/** What a tail shows. */
export type TailedEvent =
  /** An event was accepted; its payload is left out. */
  | { readonly kind: 'accepted'; readonly event: AcceptedEvent }
  /** An outcome was recorded, and the place right after it. */
  | { readonly kind: 'recorded'; readonly record: RecordedDelivery; readonly place: Positions }
  /** This many were left out here: the reader was slow. */
  | { readonly kind: 'missed'; readonly count: number };

/** About a second of what a busy hub does, and less than a megabyte. */
export const TAIL_QUEUE_MAX = 1_024;

/** What one reader has not read yet. Past its bound it counts instead of keeping. */
export class TailQueue {
  #items: TailedEvent[] = [];
  #missed = 0;
  #closed = false;
  #wake: () => void = () => undefined;

  /** @param make called only when there is room */
  push(make: () => TailedEvent): void {
    if (this.#items.length < TAIL_QUEUE_MAX) this.#items.push(make());
    else this.#missed++;
    this.#wake();
  }

  /** Nothing more comes. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** Empties it, waiting while there is nothing; empty once it is closed. */
  async drain(): Promise<readonly TailedEvent[]> {
    while (this.#items.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#closed) return [];
    const taken = this.#items;
    if (this.#missed > 0) taken.push({ kind: 'missed', count: this.#missed });
    this.#items = [];
    this.#missed = 0;
    return taken;
  }
}

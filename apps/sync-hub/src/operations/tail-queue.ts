import type { RecordedDelivery } from '../core/delivery.ts';
import type { AcceptedEvent } from '../core/event.ts';

/** Something that a person who looks on is told. */
export type Happening =
  /** An event was accepted; its payload is left out. */
  | { readonly kind: 'accepted'; readonly event: AcceptedEvent }
  /** An outcome was recorded. */
  | { readonly kind: 'recorded'; readonly record: RecordedDelivery }
  /** So many were left out here: the reader was slow. */
  | { readonly kind: 'missed'; readonly count: number };

/** About a second of what a busy hub does, and less than a megabyte. */
export const TAIL_QUEUE_MAX = 1_024;

/** What one reader was not told yet. Past its bound it counts instead of keeping. */
export class TailQueue {
  #happenings: Happening[] = [];
  #missed = 0;
  #closed = false;
  #wake: () => void = () => undefined;

  /** @param make called only when there is room */
  put(make: () => Happening): void {
    if (this.#happenings.length < TAIL_QUEUE_MAX) this.#happenings.push(make());
    else this.#missed++;
    this.#wake();
  }

  /** Nothing more is told. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** Takes everything, waiting while there is nothing; empty once it is closed. */
  async take(): Promise<readonly Happening[]> {
    while (this.#happenings.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#closed) return [];
    const taken = this.#happenings;
    if (this.#missed > 0) taken.push({ kind: 'missed', count: this.#missed });
    this.#happenings = [];
    this.#missed = 0;
    return taken;
  }
}

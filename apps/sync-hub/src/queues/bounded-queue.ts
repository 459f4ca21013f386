import { setImmediate as endOfTurn } from 'node:timers/promises';

/** Why a queue ended: its consumer did not keep up. */
export class QueueOverflow extends Error {
  override readonly name = 'QueueOverflow';
}

export interface BoundedQueueOptions {
  readonly capacity: number;
  /** Closes it. */
  readonly signal: AbortSignal;
  /** What an item that does not fit does: it ends the queue, or is dropped alone. Default: end. */
  readonly whenFull?: 'end' | 'drop';
}

/** A bounded queue with one consumer, who takes everything that is in it at once. */
export class BoundedQueue<Item> {
  readonly #capacity: number;
  readonly #drops: boolean;
  #items: Item[] = [];
  #closed = false;
  #overflowed = false;
  #wake: () => void = () => undefined;

  constructor({ capacity, signal, whenFull = 'end' }: BoundedQueueOptions) {
    this.#capacity = capacity;
    this.#drops = whenFull === 'drop';
    if (signal.aborted) this.#closed = true;
    else signal.addEventListener('abort', () => this.close(), { once: true });
  }

  /** True once it accepts nothing more, because it was closed or overflowed. */
  get isClosed(): boolean {
    return this.#closed || this.#overflowed;
  }

  /** Returns whether it was accepted. */
  push(item: Item): boolean {
    if (this.isClosed) return false;
    const fits = this.#items.length < this.#capacity;
    if (fits) this.#items.push(item);
    else if (!this.#drops) this.#overflowed = true;
    this.#wake();
    return fits;
  }

  /** What is in it stays readable; nothing more comes. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /**
   * Empties it, waiting while there is nothing; the result is empty once it is closed. Whoever waited gets all that came
   * in the same turn of the event loop: a commit is reported item by item, and a message for each would cost more than
   * they do.
   *
   * @throws {QueueOverflow} after the last items that fit were taken
   */
  async drain(): Promise<readonly Item[]> {
    while (this.#items.length === 0 && !this.isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await endOfTurn();
    }
    const items = this.#items;
    this.#items = [];
    if (items.length === 0 && this.#overflowed) throw new QueueOverflow(`more than ${this.#capacity} waited`);
    return items;
  }
}

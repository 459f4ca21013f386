import { setImmediate as endOfTurn } from 'node:timers/promises';

/** Why a queue ended: its consumer did not keep up. */
export class QueueOverflow extends Error {
  override readonly name = 'QueueOverflow';
}

/** A bounded queue with one consumer, who takes everything that is in it at once. */
export class BoundedQueue<Item> {
  readonly #capacity: number;
  #items: Item[] = [];
  #closed = false;
  #overflowed = false;
  #wake: () => void = () => undefined;

  /** @param signal closes it */
  constructor(options: { capacity: number; signal: AbortSignal }) {
    this.#capacity = options.capacity;
    if (options.signal.aborted) this.#closed = true;
    else options.signal.addEventListener('abort', () => this.close(), { once: true });
  }

  /** True once it accepts nothing more, because it was closed or overflowed. */
  get isClosed(): boolean {
    return this.#closed || this.#overflowed;
  }

  push(item: Item): void {
    if (this.isClosed) return;
    if (this.#items.length >= this.#capacity) this.#overflowed = true;
    else this.#items.push(item);
    this.#wake();
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

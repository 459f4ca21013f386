import { setImmediate as endOfTurn } from 'node:timers/promises';

/** Why a mailbox ended: its reader did not keep up. */
export class MailboxOverflow extends Error {
  override readonly name = 'MailboxOverflow';
}

/** Things for one reader: put in at once, taken out all together, never more than its bound. */
export class Mailbox<Item> {
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

  /** True once it takes nothing more, because it was closed or ran over. */
  get isClosed(): boolean {
    return this.#closed || this.#overflowed;
  }

  put(item: Item): void {
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
   * Takes everything out, waiting while there is nothing; empty once it is closed. Whoever waited gets all that came in
   * the same turn of the event loop: a commit is told item by item, and a message for each would cost more than they do.
   *
   * @throws {MailboxOverflow} after the last items that fit were taken
   */
  async take(): Promise<readonly Item[]> {
    while (this.#items.length === 0 && !this.isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await endOfTurn();
    }
    const items = this.#items;
    this.#items = [];
    if (items.length === 0 && this.#overflowed) throw new MailboxOverflow(`more than ${this.#capacity} waited`);
    return items;
  }
}

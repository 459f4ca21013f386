import type { RecordedDelivery } from '../core/delivery.ts';
import type { Tell } from './tell.ts';

/** What is held is told as it happens; a reader that is so far behind has newer news to read first. */
const HELD_MAX = 256;

/** One reader of all acks: what wakes it, and what it was not told yet of what is held. */
export class TailReader {
  #held: (Tell & { kind: 'held' })[] = [];
  #wake: () => void = () => undefined;

  /** Something new is there. Also called with the event of an aborted signal. */
  readonly wake = (): void => this.#wake();

  /** Keeps a HELD until it is read; past the bound it is dropped, for it is on no record that could be missed. */
  hold(tell: Tell & { kind: 'held' }): void {
    if (this.#held.length < HELD_MAX) this.#held.push(tell);
    this.#wake();
  }

  /** A HELD that was not read before its delivery's next record is over: read after that it would be untrue. */
  recorded({ seq, adapter }: RecordedDelivery): void {
    if (this.#held.length === 0) return;
    this.#held = this.#held.filter(({ held }) => held.seq !== seq || held.adapter !== adapter);
  }

  takeHeld(): readonly Tell[] {
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

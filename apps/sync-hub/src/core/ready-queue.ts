import type { AcceptedEvent } from './event.ts';

interface OfEvent {
  readonly event: AcceptedEvent;
}

/**
 * The deliveries that may go, in the order in which they became ready. So neither new ones nor those that failed before
 * wait forever behind the others. One that may have broken the adapter goes first, alone.
 */
export class ReadyQueue<Delivery extends OfEvent> {
  readonly #deliveries = new Set<Delivery>();
  readonly #suspects = new Set<Delivery>();
  /** The adapter broke while it had these and others. Known in memory alone: after a restart one more crash finds it
   * out again. */
  readonly #suspectSeqs = new Set<number>();
  #bytes = 0;

  get size(): number {
    return this.#deliveries.size + this.#suspects.size;
  }

  /** Of payload. */
  get bytes(): number {
    return this.#bytes;
  }

  get hasSuspect(): boolean {
    return this.#suspects.size > 0;
  }

  add(delivery: Delivery): void {
    (this.isSuspect(delivery) ? this.#suspects : this.#deliveries).add(delivery);
    this.#bytes += delivery.event.data.byteLength;
  }

  delete(delivery: Delivery): void {
    if (!this.#deliveries.delete(delivery)) this.#suspects.delete(delivery);
    this.#bytes -= delivery.event.data.byteLength;
  }

  /** The one that goes next; undefined when there is none. */
  first(): Delivery | undefined {
    for (const delivery of this.#suspects) return delivery;
    for (const delivery of this.#deliveries) return delivery;
    return undefined;
  }

  /** The one that goes next and is not of the key of this other; undefined when there is none. */
  firstExcept(other: Pick<AcceptedEvent, 'key' | 'seq'> | undefined): Delivery | undefined {
    for (const delivery of this) if (!isOfKey(delivery, other)) return delivery;
    return undefined;
  }

  /** From now on it goes alone, until an attempt of it did not end in a crash. */
  suspect({ event: { seq } }: Delivery): void {
    this.#suspectSeqs.add(seq);
  }

  /** It did not break the adapter. Not to be called while it is in here. */
  acquit(seq: number): void {
    this.#suspectSeqs.delete(seq);
  }

  isSuspect({ event: { seq } }: OfEvent): boolean {
    return this.#suspectSeqs.size > 0 && this.#suspectSeqs.has(seq);
  }

  *[Symbol.iterator](): Iterator<Delivery> {
    yield* this.#suspects;
    yield* this.#deliveries;
  }
}

function isOfKey({ event: { key, seq } }: OfEvent, other: Pick<AcceptedEvent, 'key' | 'seq'> | undefined): boolean {
  return other !== undefined && (seq === other.seq || (key !== '' && key === other.key));
}

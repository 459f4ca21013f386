import type { DeliveryState, OpenDelivery, RecordedDelivery } from '../../src/core/delivery.ts';
import type { AcceptedEvent } from '../../src/core/event.ts';
import type { DeliveryFilter } from '../../src/journal/delivery-filter.ts';
import type { DeliveryTotals, StoredDelivery, StoredEvent } from '../../src/journal/journal.ts';

/**
 * What is true of events and deliveries, kept as plainly as can be: a list in the order of acceptance, and every
 * question answered by looking at all of it.
 */
export class HubModel {
  readonly #events: StoredEvent[] = [];

  /** As it is now; what happens to either later is not seen by the other. */
  copy(): HubModel {
    const copy = new HubModel();
    copy.#events.push(...this.#events);
    return copy;
  }

  accept(event: AcceptedEvent): void {
    const deliveries = event.adapters.map((adapter) => {
      const counts = { cycle: 1, attempts: 0, spent: 0, crashes: 0 };
      return { adapter, state: 'waiting', ...counts, records: [], hasOlderRecords: false } as const;
    });
    this.#events[event.seq - 1] = { event, deliveries };
  }

  record(record: RecordedDelivery): void {
    const { adapter, seq, state, cycle, attempts, spent, crashes } = record;
    this.#change(seq, adapter, (before) => {
      return { ...before, state, cycle, attempts, spent, crashes, records: [...before.records, record] };
    });
  }

  reopen(adapter: string, { event, cycle, attempts, spent, crashes }: OpenDelivery): void {
    this.#change(event.seq, adapter, (before) => {
      return { ...before, state: 'waiting', cycle, attempts, spent, crashes };
    });
  }

  get events(): readonly StoredEvent[] {
    return this.#events;
  }

  byId(id: string): StoredEvent | undefined {
    return this.#events.find(({ event }) => event.id === id);
  }

  delivery(seq: number, adapter: string): StoredDelivery | undefined {
    return this.#events[seq - 1]?.deliveries.find((delivery) => delivery.adapter === adapter);
  }

  /** The earlier events of the key that are not settled at the adapter, by seq. */
  openBefore({ seq, key }: AcceptedEvent, adapter: string): readonly number[] {
    return this.#ofKey(key, adapter, isOpen).filter((other) => other < seq);
  }

  /** True when a later event of the key is not settled at the adapter. */
  isOpenAfter({ seq, key }: { readonly seq: number; readonly key: string }, adapter: string): boolean {
    return this.#ofKey(key, adapter, isOpen).some((other) => other > seq);
  }

  /** An earlier event of the key that is a dead letter at the adapter; undefined when there is none. */
  deadBefore({ seq, key }: AcceptedEvent, adapter: string): number | undefined {
    return this.#ofKey(key, adapter, ({ state }) => state === 'dead_lettered').find((other) => other < seq);
  }

  /** A later event of the key that was delivered; undefined when there is none. */
  deliveredAfter({ seq, key }: AcceptedEvent, adapter: string): number | undefined {
    return this.#ofKey(key, adapter, ({ state }) => state === 'delivered').find((other) => other > seq);
  }

  /** The dead letters of an adapter, in the order of acceptance. */
  deadLetters(adapter: string): readonly { readonly key: string; readonly seq: number }[] {
    const isDead = ({ deliveries }: StoredEvent) =>
      deliveries.some((one) => one.adapter === adapter && one.state === 'dead_lettered');
    return this.#events.filter(isDead).map(({ event: { key, seq } }) => ({ key, seq }));
  }

  /** Of each adapter that ever had a delivery, as the journal counts them. */
  get totals(): readonly DeliveryTotals[] {
    const adapters = new Set(this.#events.flatMap(({ deliveries }) => deliveries.map(({ adapter }) => adapter)));
    return [...adapters].sort().map((adapter) => this.totalsOf(adapter));
  }

  totalsOf(adapter: string): DeliveryTotals {
    const mine = this.#events.flatMap(({ deliveries }) => deliveries.filter((one) => one.adapter === adapter));
    const deadLetters = mine.filter(({ state }) => state === 'dead_lettered').length;
    return { adapter, unsettled: mine.filter(isOpen).length, deadLetters };
  }

  /** Places of the deliveries that a filter by adapter, state and key means, newest first. */
  matching({ adapters = [], states = [], keys = [] }: DeliveryFilter): readonly string[] {
    const wanted: readonly DeliveryState[] = states.length > 0 ? states : ['waiting', 'retrying', 'dead_lettered'];
    const places = this.#events.flatMap(({ event: { seq, key }, deliveries }) =>
      deliveries
        .filter(({ state, adapter }) => wanted.includes(state) && (adapters.length === 0 || adapters.includes(adapter)))
        .filter(() => keys.length === 0 || keys.includes(key))
        .map(({ adapter, state }) => ({ seq, place: `${seq} ${adapter} ${state}` })),
    );
    // Stable: those of one event stay in the order of their adapters.
    return places.sort((left, right) => right.seq - left.seq).map(({ place }) => place);
  }

  /** In the order of acceptance. Without a key there is none. */
  #ofKey(key: string, adapter: string, isMeant: (delivery: StoredDelivery) => boolean): readonly number[] {
    if (key === '') return [];
    const meant = this.#events.filter(
      ({ event, deliveries }) => event.key === key && deliveries.some((one) => one.adapter === adapter && isMeant(one)),
    );
    return meant.map(({ event }) => event.seq);
  }

  #change(seq: number, adapter: string, change: (before: StoredDelivery) => StoredDelivery): void {
    const stored = this.#events[seq - 1];
    if (stored === undefined) throw new Error(`the model knows no event ${seq}`);
    const deliveries = stored.deliveries.map((one) => (one.adapter === adapter ? change(one) : one));
    this.#events[seq - 1] = { ...stored, deliveries };
  }
}

/** Not settled. */
export function isOpen({ state }: { readonly state: DeliveryState }): boolean {
  return state === 'waiting' || state === 'retrying';
}

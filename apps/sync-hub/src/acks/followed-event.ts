import type { DeliveryCounts, DeliveryState, RecordedDelivery } from '../core/delivery.ts';
import { isOpen } from '../core/delivery.ts';
import type { AcceptedEvent } from '../core/event.ts';
import type { HeldBy } from '../core/lane-messages.ts';

/** What of an event matters to those who follow it. */
export type FollowableEvent = Pick<AcceptedEvent, 'seq' | 'id' | 'source' | 'key' | 'adapters'>;

/** What is known of an event when somebody begins to wait for it. */
export type KnownDeliveries =
  /** It was accepted just now: at these adapters an earlier delivery of its key waits. */
  | { readonly kind: 'new'; readonly heldByKey: readonly string[] }
  | { readonly kind: 'stored'; readonly deliveries: readonly KnownDelivery[] };

export interface KnownDelivery extends DeliveryCounts {
  readonly adapter: string;
  readonly state: DeliveryState;
  readonly isHeldByKey: boolean;
}

/** One of its deliveries. */
export interface FollowedDelivery extends DeliveryCounts {
  isOpen: boolean;
  /** What was last reported to hold it, since its last record. */
  heldBy: HeldBy | undefined;
}

const NEW = { cycle: 1, attempts: 0, spent: 0, crashes: 0 };
/** Nothing follows a delivered, skipped or discarded one: one object serves them all. */
const SETTLED: FollowedDelivery = { ...NEW, isOpen: false, heldBy: undefined };

/** An event that somebody follows, without its payload, and the state of its deliveries as far as HELD needs it. */
export class FollowedEvent implements FollowableEvent {
  readonly seq: number;
  readonly id: string;
  readonly source: string;
  readonly key: string;
  readonly adapters: readonly string[];
  /** By their adapters' places in the event; absent: nothing happened to it since the event was accepted. */
  readonly #deliveries: (FollowedDelivery | undefined)[] = [];
  #isKnown = false;

  constructor({ seq, id, source, key, adapters }: FollowableEvent) {
    this.seq = seq;
    this.id = id;
    this.source = source;
    this.key = key;
    this.adapters = adapters;
  }

  /** False until it is known what happened before it was followed. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** What happened before. What was heard since goes over it. */
  learn(known: KnownDeliveries): void {
    if (this.#isKnown) return;
    this.#isKnown = true;
    if (known.kind === 'new') return;
    for (const { adapter, state, cycle, attempts, spent, crashes } of known.deliveries) {
      const counts = { cycle, attempts, spent, crashes };
      this.#deliveries[this.#indexOf(adapter)] ??= { ...counts, isOpen: isOpen(state), heldBy: undefined };
    }
  }

  apply({ adapter, state, cycle, attempts, spent, crashes }: RecordedDelivery): void {
    const index = this.#indexOf(adapter);
    if (state === 'retrying' || state === 'dead_lettered') {
      const counts = { cycle, attempts, spent, crashes };
      this.#deliveries[index] = { ...counts, isOpen: state === 'retrying', heldBy: undefined };
    } else this.#deliveries[index] = SETTLED;
  }

  /** Its dead letter was replayed. */
  reopen(adapter: string): void {
    const index = this.#indexOf(adapter);
    const before = this.#deliveries[index];
    // Nothing is known of it yet: what is read of it then says this too.
    if (before === undefined) return;
    this.#deliveries[index] = { ...NEW, cycle: before.cycle + 1, isOpen: true, heldBy: undefined };
  }

  /** The delivery at an adapter; undefined when it is settled. */
  openDelivery(adapter: string): FollowedDelivery | undefined {
    const index = this.#indexOf(adapter);
    this.#deliveries[index] ??= { ...NEW, isOpen: true, heldBy: undefined };
    const delivery = this.#deliveries[index];
    return delivery?.isOpen === true ? delivery : undefined;
  }

  #indexOf(adapter: string): number {
    return this.adapters.indexOf(adapter);
  }
}

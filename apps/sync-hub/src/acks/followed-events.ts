import {
  type DeliveryCounts,
  type DeliveryState,
  isOpen,
  type RecordedDelivery,
  type ReopenedDelivery,
} from '../core/delivery.ts';
import type { AcceptedEvent } from '../core/event.ts';
import type { HeldBy } from '../core/lane-messages.ts';
import type { Positions } from '../journal/positions.ts';
import type { DeliveryUpdate, HeldDelivery } from './delivery-update.ts';

/**
 * Called synchronously with each update of one event; must not throw.
 *
 * @param place right after the update, in the order of commit; it changes with the next one
 */
export type DeliveryListener = (update: DeliveryUpdate, place: Positions) => void;

/** What keeps deliveries from being attempted: what lanes know of those that do not run. */
export interface Gates {
  /** Undefined: nothing does, or its attempt runs. */
  heldBy(adapter: string, event: { readonly seq: number; readonly key: string }): HeldBy | undefined;
  /** Whether a dead letter of the adapter holds the later deliveries of its key. */
  holdsKeys(adapter: string): boolean;
}

export interface FollowedEventsOptions {
  readonly gates: Gates;
  readonly wallMs: () => number;
  /** The place after the newest record. */
  readonly newest: Positions;
  /** Called with each HELD that is reported. */
  readonly onHeld: (update: DeliveryUpdate & { kind: 'held' }) => void;
}

/** One who follows an event. */
export interface Following {
  /** From now on HELD too, and at once what holds its deliveries now. Before this it may be over before it is read. */
  reportHeld(known: KnownDeliveries): void;
  /** Ends it. Idempotent. */
  end(): void;
}

interface Follower {
  readonly listener: DeliveryListener;
  hearsHeld: boolean;
}

interface Followed {
  readonly event: FollowedEvent;
  readonly followers: Set<Follower>;
}

/**
 * The events that somebody waits for: passes records on to them, and reports HELD when something begins to hold one of
 * their deliveries. It is reported again only after it has changed, never after the terminal ack of a cycle.
 */
export class FollowedEvents {
  readonly #options: FollowedEventsOptions;
  readonly #bySeq = new Map<number, Followed>();
  readonly #keys = new HeldKeys();
  /** What may be held by now. Looked at once all who were notified of the same commit have acted on it. */
  #due: (readonly [Followed, string])[] = [];
  readonly #dueAdapters = new Set<string>();
  #isLookPlanned = false;

  constructor(options: FollowedEventsOptions) {
    this.#options = options;
  }

  /** How many events are followed. */
  get size(): number {
    return this.#bySeq.size;
  }

  follow(event: FollowableEvent, listener: DeliveryListener): Following {
    const { seq } = event;
    const followed = this.#bySeq.get(seq) ?? this.#begin(event);
    const follower: Follower = { listener, hearsHeld: false };
    followed.followers.add(follower);
    return {
      reportHeld: (known) => this.#reportHeld(followed, follower, known),
      end: () => {
        followed.followers.delete(follower);
        if (followed.followers.size > 0 || this.#bySeq.get(seq) !== followed) return;
        this.#bySeq.delete(seq);
        this.#keys.remove(followed.event);
      },
    };
  }

  recorded(record: RecordedDelivery): void {
    const { seq, key, adapter, state } = record;
    const followed = this.#bySeq.get(seq);
    if (followed !== undefined) {
      followed.event.apply(record);
      if (state === 'retrying') this.#plan([[followed, adapter]]);
      const update = { kind: 'recorded', record } as const;
      for (const { listener } of followed.followers) listener(update, this.#options.newest);
    }
    if (key === '' || this.#bySeq.size === 0) return;
    const waits = state === 'retrying' || (state === 'dead_lettered' && this.#options.gates.holdsKeys(adapter));
    if (waits) this.#wait(key, adapter, seq);
    else this.#keys.settle(key, adapter, seq);
  }

  reopened({ seq, adapter }: ReopenedDelivery): void {
    const followed = this.#bySeq.get(seq);
    followed?.event.reopen(adapter);
    if (followed !== undefined) this.#plan([[followed, adapter]]);
  }

  /** What holds the deliveries of a lane may be something else than before. */
  gateChanged(adapter: string): void {
    if (this.#bySeq.size === 0) return;
    this.#dueAdapters.add(adapter);
    this.#plan([]);
  }

  #begin(event: FollowableEvent): Followed {
    const followed = { event: new FollowedEvent(event), followers: new Set<Follower>() };
    this.#bySeq.set(event.seq, followed);
    this.#keys.add(followed.event);
    return followed;
  }

  #reportHeld(followed: Followed, follower: Follower, known: KnownDeliveries): void {
    if (!followed.followers.has(follower)) return;
    const { event } = followed;
    if (!event.isKnown) {
      event.learn(known);
      const { key, seq } = event;
      // Which one it is that waits is not known: it comes before this one.
      for (const adapter of heldByKeyOf(known)) {
        if (event.openDelivery(adapter) !== undefined) this.#wait(key, adapter, seq - 1);
      }
    }
    follower.hearsHeld = true;
    for (const adapter of event.adapters) {
      const isReported = this.#report(followed, adapter);
      const held = isReported ? undefined : this.#held(followed, adapter);
      if (held !== undefined) follower.listener({ kind: 'held', held }, this.#options.newest);
    }
  }

  #wait(key: string, adapter: string, seq: number): void {
    const held = this.#keys.wait(key, adapter, seq);
    this.#plan(held.flatMap((event) => this.#dueAt(event.seq, adapter)));
  }

  #dueAt(seq: number, adapter: string): (readonly [Followed, string])[] {
    const followed = this.#bySeq.get(seq);
    return followed === undefined ? [] : [[followed, adapter]];
  }

  #plan(due: readonly (readonly [Followed, string])[]): void {
    for (const one of due) this.#due.push(one);
    if (this.#isLookPlanned || this.#due.length + this.#dueAdapters.size === 0) return;
    this.#isLookPlanned = true;
    queueMicrotask(() => this.#look());
  }

  #look(): void {
    this.#isLookPlanned = false;
    const due = this.#due;
    this.#due = [];
    const adapters = [...this.#dueAdapters];
    this.#dueAdapters.clear();
    for (const [followed, adapter] of due) this.#report(followed, adapter);
    for (const followed of adapters.length === 0 ? [] : this.#bySeq.values()) {
      for (const adapter of adapters) this.#report(followed, adapter);
    }
  }

  /** Reports what holds the delivery when that is not what was reported before; whether it did. */
  #report(followed: Followed, adapter: string): boolean {
    const { event, followers } = followed;
    if (!event.isKnown || followers.size === 0 || !event.adapters.includes(adapter)) return false;
    const delivery = event.openDelivery(adapter);
    if (delivery === undefined) return false;
    const heldBy = this.#heldBy(event, adapter);
    const isNew = heldBy !== undefined && heldBy !== delivery.heldBy;
    delivery.heldBy = heldBy;
    const held = isNew ? this.#held(followed, adapter) : undefined;
    if (held === undefined) return false;
    const update = { kind: 'held', held } as const;
    for (const { listener, hearsHeld } of followers) if (hearsHeld) listener(update, this.#options.newest);
    this.#options.onHeld(update);
    return true;
  }

  #held({ event }: Followed, adapter: string): HeldDelivery | undefined {
    const delivery = event.openDelivery(adapter);
    const heldBy = this.#heldBy(event, adapter);
    if (delivery === undefined || heldBy === undefined) return undefined;
    const { seq, id: eventId, source } = event;
    const { cycle, attempts, spent, crashes } = delivery;
    const counts = { cycle, attempts, spent, crashes };
    return { adapter, seq, eventId, source, ...counts, heldBy, atMs: this.#options.wallMs() };
  }

  #heldBy(event: FollowedEvent, adapter: string): HeldBy | undefined {
    const heldBy = this.#options.gates.heldBy(adapter, event);
    return heldBy ?? (this.#keys.holds(event, adapter) ? 'key' : undefined);
  }
}

function heldByKeyOf(known: KnownDeliveries): readonly string[] {
  if (known.kind === 'new') return known.heldByKey;
  return known.deliveries.filter(({ isHeldByKey }) => isHeldByKey).map(({ adapter }) => adapter);
}

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

/** A key that somebody follows an event of. */
interface FollowedKey {
  readonly followed: Set<FollowedEvent>;
  /** Of each adapter the delivery that waits, for its next attempt or for an operator: what comes after it is held. */
  readonly waiting: Map<string, number>;
}

/** Which deliveries of followed events an earlier delivery of their key holds. */
export class HeldKeys {
  readonly #keys = new Map<string, FollowedKey>();

  add(followed: FollowedEvent): void {
    const { key } = followed;
    if (key === '') return;
    const known = this.#keys.get(key);
    if (known === undefined) this.#keys.set(key, { followed: new Set([followed]), waiting: new Map() });
    else known.followed.add(followed);
  }

  remove(followed: FollowedEvent): void {
    const { key } = followed;
    const known = this.#keys.get(key);
    known?.followed.delete(followed);
    if (known?.followed.size === 0) this.#keys.delete(key);
  }

  /**
   * A delivery of the key waits at the adapter. Returns the followed events that it holds from now on; those that were
   * held before are left out.
   */
  wait(key: string, adapter: string, seq: number): readonly FollowedEvent[] {
    const known = this.#keys.get(key);
    if (known === undefined) return [];
    const heldAfter = known.waiting.get(adapter) ?? Number.POSITIVE_INFINITY;
    if (seq >= heldAfter) return [];
    known.waiting.set(adapter, seq);
    return [...known.followed].filter((followed) => followed.seq > seq && followed.seq <= heldAfter);
  }

  /** A delivery of the key is settled at the adapter. */
  settle(key: string, adapter: string, seq: number): void {
    const waiting = this.#keys.get(key)?.waiting;
    const heldAfter = waiting?.get(adapter);
    if (heldAfter !== undefined && seq <= heldAfter) waiting?.delete(adapter);
  }

  holds({ key, seq }: FollowedEvent, adapter: string): boolean {
    if (key === '') return false;
    const heldAfter = this.#keys.get(key)?.waiting.get(adapter);
    return heldAfter !== undefined && seq > heldAfter;
  }
}

import type { RecordedDelivery, ReopenedDelivery } from '../core/delivery.ts';
import type { HeldBy } from '../core/lane-messages.ts';
import type { Positions } from '../journal/positions.ts';
import type { DeliveryUpdate, HeldDelivery } from './delivery-update.ts';
import { type FollowableEvent, FollowedEvent, type KnownDeliveries } from './followed-event.ts';
import { HeldKeys } from './held-keys.ts';

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

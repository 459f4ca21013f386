import type { RecordedDelivery } from '../core/delivery.ts';
import type { Commit, Journal } from '../journal/journal.ts';
import type { Positions } from '../journal/positions.ts';
import type { DeliveryUpdate } from './delivery-update.ts';
import type { FollowableEvent } from './followed-events.ts';
import { type DeliveryListener, FollowedEvents, type Following, type Gates } from './followed-events.ts';
import { RecentRecords } from './recent-records.ts';
import { TailSubscription } from './tail-subscription.ts';

export interface AcksOptions {
  readonly journal: Pick<Journal, 'readRecords' | 'info'>;
  readonly gates: Gates;
  readonly wallMs: () => number;
}

/** Records in memory for those who keep up: about two seconds of 2,500 events a second with three adapters. */
const RECENT_RECORDS = 16_384;

/** A page for one reader. With it in memory and nothing else, a slow reader costs the hub no more than this. */
const PAGE_RECORDS = 256;

/** What a reader gets at a time, some 8 KB: one whose connection is cut again and again comes further with each message
 * that is whole. */
const MESSAGE_RECORDS = 32;

/**
 * Carries records to the callers who wait for them. Nothing is reported here before it is on disk, except HELD, which
 * is never on disk.
 */
export class Acks {
  readonly #journal: Pick<Journal, 'readRecords'>;
  readonly #recent: RecentRecords;
  readonly #followed: FollowedEvents;
  readonly #subscriptions = new Set<TailSubscription>();

  constructor({ journal, gates, wallMs }: AcksOptions) {
    this.#journal = journal;
    this.#recent = new RecentRecords({ capacity: RECENT_RECORDS, newest: journal.info.positions });
    this.#followed = new FollowedEvents({
      gates,
      wallMs,
      newest: this.#recent.newest,
      onHeld: (update) => {
        for (const subscription of this.#subscriptions) subscription.hold(update);
      },
    });
  }

  /** The place after the newest record, as it is now. */
  get place(): Positions {
    return this.#recent.place;
  }

  /** How many events somebody follows. */
  get followed(): number {
    return this.#followed.size;
  }

  /** Reports what is on disk. Called before lanes act on it. */
  committed({ records, reopened }: Pick<Commit, 'records' | 'reopened'>): void {
    // With nobody who reads everything they would be kept for nobody, long enough to become old garbage by the
    // thousand; whoever comes with an older cursor reads the journal first anyway.
    const isRead = this.#subscriptions.size > 0;
    for (const record of records) {
      if (isRead) this.#recent.add(record);
      else this.#recent.pass(record);
      this.#followed.recorded(record);
    }
    for (const delivery of reopened) {
      // One that was settled again in the same commit: a newer one was delivered meanwhile.
      const isSettled = records.some(({ seq, adapter, attempt }) => {
        return attempt === undefined && seq === delivery.seq && adapter === delivery.adapter;
      });
      if (!isSettled) this.#followed.reopened(delivery);
    }
    if (records.length === 0) return;
    for (const subscription of this.#subscriptions) {
      for (const record of records) subscription.recorded(record);
      subscription.wake();
    }
  }

  /** What holds the deliveries of a lane may be something else than before. Called by the lane. */
  gateChanged(adapter: string): void {
    this.#followed.gateChanged(adapter);
  }

  /** Listens to one event from now on. */
  follow(event: FollowableEvent, listener: DeliveryListener): Following {
    return this.#followed.follow(event, listener);
  }

  /**
   * Every record after a place, some at a time, without end: no gap, no repeat, those of one adapter in their order.
   * Read at the reader's pace, from the journal when it is behind, so that a slow one is bounded by its page. A reader
   * that has read everything also gets HELD of followed events, as it happens.
   *
   * @param toItem makes an item of an update; `place` is right after it, and changes with the next one
   */
  async *tail<Item>(
    after: Positions,
    signal: AbortSignal,
    toItem: (update: DeliveryUpdate, place: Positions) => Item,
  ): AsyncGenerator<readonly Item[], void> {
    const subscription = new TailSubscription(after, signal);
    const { place } = subscription;
    const read = (record: RecordedDelivery) => {
      subscription.advance(record);
      return toItem({ kind: 'recorded', record }, place);
    };
    this.#subscriptions.add(subscription);
    try {
      while (!signal.aborted) {
        const recent = this.#recent.read(place, { offset: subscription.offset, limit: PAGE_RECORDS });
        if (recent === undefined) {
          const newest = this.place;
          const { records, isEnd } = await this.#journal.readRecords({ after: place, limit: PAGE_RECORDS });
          for (const some of inMessages(records)) {
            if (!signal.aborted) yield some.map(read);
          }
          if (isEnd && !signal.aborted) subscription.skipTo(newest);
          continue;
        }
        subscription.offset = recent.next;
        if (recent.records.length > 0) {
          for (const some of inMessages(recent.records)) {
            if (!signal.aborted) yield some.map(read);
          }
        } else {
          const held = subscription.drainHeld();
          if (held.length > 0) yield held.map((update) => toItem(update, place));
          else await subscription.somethingNew();
        }
      }
    } finally {
      this.#subscriptions.delete(subscription);
    }
  }
}

function* inMessages(records: readonly RecordedDelivery[]): Generator<readonly RecordedDelivery[]> {
  for (let from = 0; from < records.length; from += MESSAGE_RECORDS) yield records.slice(from, from + MESSAGE_RECORDS);
}

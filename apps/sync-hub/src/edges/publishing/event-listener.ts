import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import type { Acks } from '../../acks/acks.ts';
import type { DeliveryUpdate } from '../../acks/delivery-update.ts';
import type { FollowableEvent, Following, KnownDeliveries } from '../../acks/followed-events.ts';
import { BoundedQueue } from '../../queues/bounded-queue.ts';
import type { Cursors } from '../cursor.ts';
import { toAck } from './ack-message.ts';

export interface EventListenerOptions {
  readonly acks: Acks;
  readonly cursors: Cursors;
  readonly events: readonly FollowableEvent[];
  /** Ends it, also when nobody ever takes what it heard. */
  readonly signal: AbortSignal;
}

export interface Heard {
  readonly update: DeliveryUpdate;
  readonly ack: Ack;
}

/** One event has a few records for each adapter; a reader with this many unread has stopped reading. */
const UNREAD_MAX_PER_EVENT = 256;

/** Observes the updates of given events from its construction on, and keeps them for one reader. */
export class EventListener {
  readonly #queue: BoundedQueue<Heard>;
  readonly #signal: AbortSignal;
  readonly #following: ReadonlyMap<number, Following>;

  constructor({ acks, cursors, events, signal }: EventListenerOptions) {
    this.#signal = signal;
    this.#queue = new BoundedQueue({ capacity: UNREAD_MAX_PER_EVENT * events.length, signal });
    const following = events.map((event) => {
      // Made into an ack now: the place changes with the next record.
      const listen = (update: DeliveryUpdate, place: Parameters<Cursors['encode']>[0]) =>
        this.#queue.push({ update, ack: toAck(update, cursors.encode(place)) });
      return [event.seq, acks.follow(event, listen)] as const;
    });
    this.#following = new Map(following);
    if (signal.aborted) this.end();
    else signal.addEventListener('abort', this.end, { once: true });
  }

  /** From now on HELD of an event counts too, and what holds its deliveries now: its reader knows what came before. */
  reportHeld(seq: number, known: KnownDeliveries): void {
    this.#following.get(seq)?.reportHeld(known);
  }

  /**
   * What was heard since it was last taken, waiting while that is nothing; empty once the signal has aborted.
   *
   * @throws {QueueOverflow} the reader did not keep up
   */
  drain(): Promise<readonly Heard[]> {
    return this.#queue.drain();
  }

  readonly end = (): void => {
    this.#signal.removeEventListener('abort', this.end);
    for (const { end } of this.#following.values()) end();
  };
}

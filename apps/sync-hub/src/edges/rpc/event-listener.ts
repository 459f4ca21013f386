import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import type { Acks } from '../../acks/acks.ts';
import { Mailbox } from '../../acks/mailbox.ts';
import type { Tell } from '../../acks/tell.ts';
import type { AcceptedEvent } from '../../core/event.ts';
import type { Cursors } from '../cursor.ts';
import { toAck } from './ack-message.ts';

export interface EventListenerOptions {
  readonly acks: Acks;
  readonly cursors: Cursors;
  readonly events: readonly AcceptedEvent[];
  /** Ends it, also when nobody ever takes what it heard. */
  readonly signal: AbortSignal;
}

export interface Heard {
  readonly tell: Tell;
  readonly ack: Ack;
}

/** One event has a few records for each adapter; a reader with so many unread has stopped reading. */
const UNREAD_MAX_PER_EVENT = 256;

/** Hears what is told of given events from its construction on, and keeps it for one reader. */
export class EventListener {
  readonly #mailbox: Mailbox<Heard>;
  readonly #signal: AbortSignal;
  readonly #unfollow: readonly (() => void)[];
  #hearsHeld = false;

  constructor({ acks, cursors, events, signal }: EventListenerOptions) {
    this.#signal = signal;
    this.#mailbox = new Mailbox({ capacity: UNREAD_MAX_PER_EVENT * events.length, signal });
    this.#unfollow = events.map((event) =>
      acks.follow(event.seq, (tell) => {
        // Made into an ack now: the place that a HELD carries is that of what was recorded before it.
        if (tell.kind === 'recorded' || this.#hearsHeld) {
          this.#mailbox.put({ tell, ack: toAck(tell, cursors, acks.lastCursor) });
        }
      }),
    );
    if (signal.aborted) this.end();
    else signal.addEventListener('abort', this.end, { once: true });
  }

  /** From now on HELD counts too; before its reader has looked up what is held, it may be over before it is told. */
  hearHeld(): void {
    this.#hearsHeld = true;
  }

  /**
   * What was heard since it was last taken, waiting while that is nothing; empty once the signal has aborted.
   *
   * @throws {MailboxOverflow} the reader did not keep up
   */
  take(): Promise<readonly Heard[]> {
    return this.#mailbox.take();
  }

  readonly end = (): void => {
    this.#signal.removeEventListener('abort', this.end);
    for (const unfollow of this.#unfollow) unfollow();
  };
}

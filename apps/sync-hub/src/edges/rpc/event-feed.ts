import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import type { Acks } from '../../acks/acks.ts';
import { Mailbox, MailboxOverflow } from '../../acks/mailbox.ts';
import { Progress, type Until } from '../../acks/progress.ts';
import type { Tell } from '../../acks/tell.ts';
import type { AcceptedEvent } from '../../core/event.ts';
import type { Journal, StoredEvent } from '../../journal/journal.ts';
import { Refusal } from '../refusal.ts';
import { recordAck, toAck } from './ack-message.ts';
import { type HeldNowOptions, heldNow } from './held-now.ts';

export interface EventFeedOptions extends HeldNowOptions {
  readonly journal: Pick<Journal, 'readEvent'>;
  readonly acks: Acks;
}

export interface FeedRequest {
  readonly events: readonly AcceptedEvent[];
  readonly until: Until;
  /** Records up to this place were seen by the caller, or are older than the events. */
  readonly afterCursor: number;
  /** True when nothing can be on record yet: the events were accepted just now. */
  readonly isNew: boolean;
  readonly signal: AbortSignal;
}

/** One event has a few records for each adapter; a reader with so many unread has stopped reading. */
const UNREAD_MAX_PER_EVENT = 256;

/** The acks of given events: what is on record, what holds them now, then what comes. */
export class EventFeed {
  readonly #options: EventFeedOptions;

  constructor(options: EventFeedOptions) {
    this.#options = options;
  }

  /**
   * Tells acks, at least one at a time, until the events have come as far as asked for or the signal aborts.
   *
   * @throws {Refusal} READER_TOO_SLOW
   */
  async *read({ events, until, afterCursor, isNew, signal }: FeedRequest): AsyncGenerator<readonly Ack[], void> {
    const { acks, cursors } = this.#options;
    const progress = new Map(events.map((event) => [event.seq, new Progress(event.adapters, until)]));
    const mailbox = new Mailbox<{ tell: Tell; ack: Ack }>({ capacity: UNREAD_MAX_PER_EVENT * events.length, signal });
    // Listening begins before anything is read, so that nothing falls between the two.
    // HELD counts only from when it is looked up below: until then it may be over before it is told.
    let knowsHeld = false;
    const unfollow = events.map((event) =>
      acks.follow(event.seq, (tell) => {
        // Made into an ack now: the place that a HELD carries is that of what was recorded before it.
        if (tell.kind === 'recorded' || knowsHeld) mailbox.put({ tell, ack: toAck(tell, cursors, acks.lastCursor) });
      }),
    );
    let seenCursor = afterCursor;
    const follow = (tells: readonly Tell[]) => {
      for (const tell of tells) if (tell.kind === 'recorded') progress.get(tell.record.seq)?.take(tell);
    };
    try {
      const stored = isNew ? [] : await this.#readStored(events);
      const history = historyOf(stored);
      // What the caller has seen counts for the progress too.
      follow(history);
      const unseen = history.filter(({ record }) => record.cursor > seenCursor);
      seenCursor = Math.max(seenCursor, history.at(-1)?.record.cursor ?? 0);
      yield* pages(unseen.map(({ record }) => recordAck(record, cursors)));

      knowsHeld = true;
      const held = events.flatMap((event) => {
        const known = stored.find((other) => other.event.seq === event.seq)?.deliveries ?? [];
        const awaited = progress.get(event.seq);
        if (awaited === undefined) return [];
        return heldNow(this.#options, { event, progress: awaited, stored: known, toldCursor: seenCursor });
      });
      yield* pages(held);

      while (progress.values().some((event) => !event.isDone)) {
        const told = await mailbox.take();
        if (told.length === 0) return;
        const fresh = told.filter(({ tell }) => tell.kind === 'held' || tell.record.cursor > seenCursor);
        const tells = fresh.map(({ tell }) => tell);
        follow(tells);
        yield* pages(fresh.map(({ ack }) => ack));
        seenCursor = Math.max(seenCursor, ...tells.map((tell) => (tell.kind === 'recorded' ? tell.record.cursor : 0)));
      }
    } catch (error) {
      if (!(error instanceof MailboxOverflow)) throw error;
      const cursor = cursors.encode(seenCursor);
      const message = `acks were not read in time; watch them again from the cursor ${cursor}`;
      throw new Refusal('READER_TOO_SLOW', message, { metadata: { cursor } });
    } finally {
      for (const end of unfollow) end();
    }
  }

  async #readStored(events: readonly AcceptedEvent[]): Promise<readonly StoredEvent[]> {
    const stored = await Promise.all(events.map((event) => this.#options.journal.readEvent(event.id)));
    return stored.filter((event) => event !== undefined);
  }
}

/** Acks a message: with the longest errors and receipts that is half a megabyte, and clients take 4 MiB. */
const PAGE_ACKS = 256;

function* pages(acks: readonly Ack[]): Generator<readonly Ack[]> {
  for (let start = 0; start < acks.length; start += PAGE_ACKS) yield acks.slice(start, start + PAGE_ACKS);
}

/** All records of the events in the order of the journal. */
function historyOf(stored: readonly StoredEvent[]): readonly (Tell & { kind: 'recorded' })[] {
  return stored
    .flatMap(({ deliveries }) => deliveries.flatMap(({ records }) => records))
    .sort((a, b) => a.cursor - b.cursor)
    .map((record) => ({ kind: 'recorded', record }));
}

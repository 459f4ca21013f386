import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import type { Acks } from '../../acks/acks.ts';
import { MailboxOverflow } from '../../acks/mailbox.ts';
import { Progress, type Until } from '../../acks/progress.ts';
import type { Tell } from '../../acks/tell.ts';
import type { AcceptedEvent } from '../../core/event.ts';
import type { Journal, StoredEvent } from '../../journal/journal.ts';
import { throwIfStopping } from '../hub-stop.ts';
import { Refusal } from '../refusal.ts';
import { Turns } from '../turns.ts';
import { recordAck } from './ack-message.ts';
import { EventListener } from './event-listener.ts';
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
  /** Called once the caller has taken all that was on record when it asked. */
  readonly onHistoryTold?: () => void;
}

/** What is read brings its payloads along, for a moment: of so many events, at most 8 MiB. */
const SMALL_READ_EVENTS = 32;
/** Of 1,000 events a quarter of a gigabyte. */
const LARGE_READS_AT_A_TIME = 1;
const NO_DATA = new Uint8Array(0);

/** The acks of given events: what is on record, what holds them now, then what comes. */
export class EventFeed {
  readonly #options: EventFeedOptions;
  readonly #turns = new Turns(LARGE_READS_AT_A_TIME);

  constructor(options: EventFeedOptions) {
    this.#options = options;
  }

  /**
   * Tells acks, at least one at a time, until the events have come as far as asked for or the signal aborts. Listens
   * from the call on, however late the first of them is asked for.
   *
   * @throws {Refusal} READER_TOO_SLOW; HUB_STOPPING
   */
  read(request: FeedRequest): AsyncGenerator<readonly Ack[], void> {
    const { acks, cursors } = this.#options;
    const { events, signal } = request;
    return this.#read(request, new EventListener({ acks, cursors, events, signal }));
  }

  async *#read(request: FeedRequest, listener: EventListener): AsyncGenerator<readonly Ack[], void> {
    const { events, until, afterCursor, isNew, onHistoryTold, signal } = request;
    const { cursors } = this.#options;
    const progress = new Map(events.map((event) => [event.seq, new Progress(event.adapters, until)]));
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
      onHistoryTold?.();

      listener.hearHeld();
      const held = events.flatMap((event) => {
        const known = stored.find((other) => other.event.seq === event.seq)?.deliveries ?? [];
        const awaited = progress.get(event.seq);
        if (awaited === undefined) return [];
        return heldNow(this.#options, { event, progress: awaited, stored: known, toldCursor: seenCursor });
      });
      yield* pages(held);

      while (progress.values().some((event) => !event.isDone)) {
        const told = await listener.take();
        if (told.length === 0) return throwIfStopping(signal, cursors.encode(seenCursor));
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
      listener.end();
    }
  }

  async #readStored(events: readonly AcceptedEvent[]): Promise<readonly StoredEvent[]> {
    const { journal } = this.#options;
    // All in one go: what is told of one event must not be older than what is told of another, or a record between the
    // two would be passed over as seen.
    const read = () => Promise.all(events.map(({ id }) => readDeliveries(journal, id)));
    const stored = await (events.length > SMALL_READ_EVENTS ? this.#turns.run(read) : read());
    return stored.filter((event) => event !== undefined);
  }
}

/** Acks a message: with the longest errors and receipts that is half a megabyte, and clients take 4 MiB. */
const PAGE_ACKS = 256;

function* pages(acks: readonly Ack[]): Generator<readonly Ack[]> {
  for (let start = 0; start < acks.length; start += PAGE_ACKS) yield acks.slice(start, start + PAGE_ACKS);
}

/** A stored event without its payload: a feed lasts as long as its events are unsettled. */
async function readDeliveries(journal: Pick<Journal, 'readEvent'>, id: string): Promise<StoredEvent | undefined> {
  const stored = await journal.readEvent(id);
  return stored && { ...stored, event: { ...stored.event, data: NO_DATA } };
}

/** All records of the events in the order of the journal. */
function historyOf(stored: readonly StoredEvent[]): readonly (Tell & { kind: 'recorded' })[] {
  return stored
    .flatMap(({ deliveries }) => deliveries.flatMap(({ records }) => records))
    .sort((a, b) => a.cursor - b.cursor)
    .map((record) => ({ kind: 'recorded', record }));
}

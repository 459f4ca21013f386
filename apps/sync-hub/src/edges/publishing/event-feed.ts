import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import type { Acks } from '../../acks/acks.ts';
import type { DeliveryUpdate } from '../../acks/delivery-update.ts';
import { Progress, type Until } from '../../acks/delivery-update.ts';
import type { FollowableEvent } from '../../acks/followed-events.ts';
import type { Journal, StoredEvent } from '../../journal/journal.ts';
import { isAfter, MovingPlace, type Positions } from '../../journal/positions.ts';
import { QueueOverflow } from '../../queues/bounded-queue.ts';
import type { Cursors } from '../cursor.ts';
import { throwIfStopping } from '../hub-stop.ts';
import { RequestError } from '../request-error.ts';
import { Semaphore } from '../semaphore.ts';
import { recordAck } from './ack-message.ts';
import { EventListener } from './event-listener.ts';
import { mergeHistories } from './merge-histories.ts';

export interface EventFeedOptions {
  readonly journal: Pick<Journal, 'readEvent'>;
  readonly acks: Acks;
  readonly cursors: Cursors;
}

export interface FeedRequest {
  readonly events: readonly FollowableEvent[];
  readonly until: Until;
  /** Records up to this place were seen by the caller, or are older than the events. */
  readonly after: Positions;
  /** The events were accepted just now, so nothing can be on record yet: the adapters at which an earlier delivery of
   * their key waits. Absent: their history is read. */
  readonly heldByKey?: readonly string[];
  readonly signal: AbortSignal;
  /** Called once the caller has taken all that was on record when it asked. */
  readonly onHistoryRead?: () => void;
}

/** What is read brings its payloads along, for a moment: of this many events, at most 8 MiB. */
const SMALL_READ_EVENTS = 32;
/** Of 1,000 events a quarter of a gigabyte. */
const LARGE_READS_AT_A_TIME = 1;

/** The acks of given events: what is on record, what holds them now, then what comes. */
export class EventFeed {
  readonly #options: EventFeedOptions;
  readonly #largeReads = new Semaphore(LARGE_READS_AT_A_TIME);

  constructor(options: EventFeedOptions) {
    this.#options = options;
  }

  /**
   * Yields acks, at least one at a time, until the events have come as far as asked for or the signal aborts. Listens
   * from the call on, however late the first of them is asked for.
   *
   * @throws {RequestError} READER_TOO_SLOW; HUB_STOPPING
   */
  read(request: FeedRequest): AsyncGenerator<readonly Ack[], void> {
    const { acks, cursors } = this.#options;
    const { events, signal } = request;
    return this.#read(request, new EventListener({ acks, cursors, events, signal }));
  }

  async *#read(request: FeedRequest, listener: EventListener): AsyncGenerator<readonly Ack[], void> {
    const { events, until, after, heldByKey, onHistoryRead, signal } = request;
    const { cursors } = this.#options;
    const progress = new Map(events.map((event) => [event.seq, new Progress(event.adapters, until)]));
    const seen = new MovingPlace(after);
    let cursor = cursors.encode(seen.positions);
    try {
      const stored = heldByKey === undefined ? await this.#readStored(events) : new Map<number, StoredDeliveries>();
      const unseen: Ack[] = [];
      for (const record of mergeHistories([...stored.values()].flat())) {
        // What the caller has seen counts for the progress too.
        progress.get(record.seq)?.apply({ kind: 'recorded', record });
        if (!isAfter(record, after)) continue;
        seen.move(record);
        cursor = cursors.encode(seen.positions);
        unseen.push(recordAck(record, cursor));
      }
      yield* pages(unseen);
      onHistoryRead?.();

      for (const { seq } of events) {
        if (progress.get(seq)?.isDone !== false) continue;
        const deliveries = stored.get(seq) ?? [];
        listener.reportHeld(seq, heldByKey === undefined ? { kind: 'stored', deliveries } : { kind: 'new', heldByKey });
      }
      while (progress.values().some((event) => !event.isDone)) {
        const heard = await listener.drain();
        if (heard.length === 0) return throwIfStopping(signal, cursor);
        const fresh = heard.flatMap(({ update, ack }) =>
          isNew(update, { progress, seen: seen.positions }) ? [ack] : [],
        );
        cursor = fresh.at(-1)?.cursor ?? cursor;
        yield* pages(fresh);
      }
    } catch (error) {
      if (!(error instanceof QueueOverflow)) throw error;
      const message = `acks were not read in time; watch them again from the cursor ${cursor}`;
      throw new RequestError('READER_TOO_SLOW', message, { metadata: { cursor } });
    } finally {
      listener.end();
    }
  }

  /** The deliveries of the events, by their seqs, without payloads: a feed lasts as long as its events are unsettled. */
  async #readStored(events: readonly FollowableEvent[]): Promise<ReadonlyMap<number, StoredDeliveries>> {
    const { journal } = this.#options;
    // All in one go: what is read of one event must not be older than what is read of another, or a record between the
    // two would be passed over as seen.
    const read = () => Promise.all(events.map((event) => readDeliveries(journal, event)));
    return new Map(await (events.length > SMALL_READ_EVENTS ? this.#largeReads.run(read) : read()));
  }
}

type StoredDeliveries = StoredEvent['deliveries'];

/** Whether the caller does not know it yet. Counts it for the progress. */
function isNew(
  update: DeliveryUpdate,
  { progress, seen }: { readonly progress: ReadonlyMap<number, Progress>; readonly seen: Positions },
): boolean {
  if (update.kind === 'held') return progress.get(update.held.seq)?.isPending(update.held.adapter) === true;
  if (!isAfter(update.record, seen)) return false;
  progress.get(update.record.seq)?.apply(update);
  return true;
}

/** Acks a message: with the longest errors and receipts that is half a megabyte, and clients take 4 MiB. */
const PAGE_ACKS = 256;

function* pages(acks: readonly Ack[]): Generator<readonly Ack[]> {
  for (let start = 0; start < acks.length; start += PAGE_ACKS) yield acks.slice(start, start + PAGE_ACKS);
}

async function readDeliveries(
  journal: Pick<Journal, 'readEvent'>,
  { seq, id, source }: FollowableEvent,
): Promise<readonly [number, StoredDeliveries]> {
  const found = await journal.readEvent({ id, source });
  // Past retention and published again meanwhile, it is another event.
  return [seq, found.kind === 'found' && found.event.seq === seq ? found.deliveries : []];
}

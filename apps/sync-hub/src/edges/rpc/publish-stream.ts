import { channel } from 'node:diagnostics_channel';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import type {
  PublishStreamRequest,
  PublishStreamResponseSchema,
  PublishUntil,
} from '@hms-sync/proto/hms/sync/v1/sync_service';
import { BoundedQueue, QueueOverflow } from '../../acks/bounded-queue.ts';
import type { Following } from '../../acks/followed-events.ts';
import { Progress, type Until } from '../../acks/progress.ts';
import { earlier, type Positions } from '../../journal/positions.ts';
import type { PublishedEvent } from '../event-message.ts';
import { throwIfStopping } from '../hub-stop.ts';
import type { Acceptance } from '../intake.ts';
import { Refusal } from '../refusal.ts';
import { toAccepted, toUntil } from './accepted-message.ts';
import { toAck } from './ack-message.ts';
import { EarlyUpdates } from './early-updates.ts';
import { refusedMessage } from './refusal-error.ts';
import { STREAM_BOUNDS } from './stream-bounds.ts';
import { type Item, type Result, toMessage } from './stream-item.ts';
import { tooMany, tooSlow } from './stream-refusals.ts';
import type { SyncServiceOptions } from './sync-service.ts';
import { UnreadHistories, type UnreadHistory } from './unread-histories.ts';

export interface PublishStreamOptions extends SyncServiceOptions {
  readonly requests: AsyncIterable<PublishStreamRequest>;
  readonly signal: AbortSignal;
}

interface Accepted {
  readonly acceptance: Acceptance;
  /** Undefined for a duplicate. */
  readonly listening: Listening | undefined;
}

/** To a new event, from its acceptance on. */
interface Listening {
  readonly updates: EarlyUpdates;
  readonly following: Following;
}

/** For whoever measures, such as `npm run bench -- --trace`; they cost nothing while nobody subscribes. */
const eventRead = channel('hms-sync:event-read');
const itemsWritten = channel('hms-sync:items-written');

/** One PublishStream: accepts events while it has room for them, and sends results and acks as they come to be. */
export async function* publishStream(
  options: PublishStreamOptions,
): AsyncGenerator<MessageInitShape<typeof PublishStreamResponseSchema>> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const publisher = new StreamPublisher(options, signal);
  const reading = publisher.readAll();
  try {
    for (;;) {
      const items = await publisher.take();
      if (items.length === 0) break;
      if (itemsWritten.hasSubscribers) itemsWritten.publish(items);
      for (let start = 0; start < items.length; start += STREAM_BOUNDS.itemsPerMessage) {
        yield toMessage(items.slice(start, start + STREAM_BOUNDS.itemsPerMessage));
      }
    }
    if (!publisher.isDone) throwIfStopping(options.signal, publisher.resumeFrom);
    // A caller who has gone may never end its requests, and nobody is there to hear why reading ended.
    const failure = options.signal.aborted ? undefined : await reading;
    if (failure !== undefined) throw failure;
  } finally {
    stop.abort();
    publisher.forget();
  }
}

class StreamPublisher {
  readonly #options: PublishStreamOptions;
  readonly #queue: BoundedQueue<Item>;
  /** What ends the listening to each event that is not settled, and the place after which all of its records are. */
  readonly #followed = new Map<() => void, Positions>();
  readonly #unreadHistories = new UnreadHistories();
  #answered: Promise<void> = Promise.resolve();
  #unsettled = 0;
  #uncommitted = 0;
  #uncommittedBytes = 0;
  #unread = 0;
  #index = 0n;
  #resumeFrom: Positions = new Map();
  #readEverything = false;
  #isDone = false;
  #roomAgain: () => void = () => undefined;

  constructor(options: PublishStreamOptions, signal: AbortSignal) {
    this.#options = options;
    this.#queue = new BoundedQueue({ capacity: STREAM_BOUNDS.unread, signal });
    signal.addEventListener('abort', () => this.#endSending(), { once: true });
  }

  /** Whether everything was sent before the sending ended. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** The cursor from which to resume: what was not sent comes after it. */
  get resumeFrom(): string {
    return this.#options.cursors.encode(this.#resumeFrom);
  }

  /** Reads the caller's events to the end; the queue closes when the last of them is done. Resolves with why
   * reading ended early, and does not reject: nobody may be there yet to catch it. */
  async readAll(): Promise<unknown> {
    try {
      for await (const request of this.#options.requests) {
        if (request.events.length > STREAM_BOUNDS.eventsPerMessage)
          throw tooMany(request.events.length, STREAM_BOUNDS.eventsPerMessage);
        for (const event of request.events) {
          while (this.#isFull && !this.#queue.isClosed) await this.#room();
          if (this.#queue.isClosed) return undefined;
          this.#publish(event, request);
        }
      }
      return undefined;
    } catch (error) {
      // The results of the events before the fault come first.
      await this.#answered;
      this.#queue.close();
      return error;
    } finally {
      this.#readEverything = true;
      this.#closeWhenDone();
    }
  }

  /**
   * Takes all that there is to send, waiting while there is nothing; empty at the end.
   *
   * @throws {Refusal} READER_TOO_SLOW
   */
  async take(): Promise<readonly Item[]> {
    const items = await this.#queue.drain().catch((error: unknown) => {
      throw error instanceof QueueOverflow ? tooSlow(this.resumeFrom) : error;
    });
    this.#unread -= items.length;
    this.#roomAgain();
    return items;
  }

  /** Stops listening to what is not settled. */
  forget(): void {
    for (const unfollow of this.#followed.keys()) unfollow();
    this.#followed.clear();
  }

  get #isFull(): boolean {
    return (
      this.#unsettled >= STREAM_BOUNDS.unsettled ||
      this.#uncommitted >= STREAM_BOUNDS.uncommitted ||
      this.#uncommittedBytes >= STREAM_BOUNDS.uncommittedBytes ||
      this.#unread >= STREAM_BOUNDS.unreadEnough
    );
  }

  /** Hands an event to the journal now; its result is sent after those of the events before it. */
  #publish(event: PublishedEvent, { until }: PublishStreamRequest): void {
    if (eventRead.hasSubscribers) eventRead.publish(event.id);
    const index = this.#index;
    this.#index += 1n;
    this.#unsettled += 1;
    const { payload } = event;
    const sizeBytes = payload.case === 'data' ? payload.value.byteLength : 0;
    this.#uncommitted += 1;
    this.#uncommittedBytes += sizeBytes;
    const accepting = this.#options.intake.accept(event).then(
      (acceptance) => ({ acceptance, listening: this.#listen(acceptance) }),
      (error: unknown) => ({ error }),
    );
    // The journal answers in the order it was asked, so waiting for those before costs no time, but for one whose content
    // has to be compared; a refusal, which did not go to the journal, waits for them.
    this.#answered = this.#answered.then(async () => {
      const accepted = await accepting;
      this.#uncommitted -= 1;
      this.#uncommittedBytes -= sizeBytes;
      this.#roomAgain();
      if ('error' in accepted) this.#sendRefused(index, accepted.error);
      else this.#sendAccepted(index, accepted, until);
    });
  }

  /** Listens from the moment on in which the event is accepted; a duplicate has its history in the journal. */
  #listen({ event, duplicate, place }: Acceptance): Listening | undefined {
    // The caller went while the journal wrote: nobody would ever end the listening.
    if (duplicate || this.#queue.isClosed) return undefined;
    const updates = new EarlyUpdates();
    const following = this.#options.acks.follow(event, updates.listen);
    this.#followed.set(following.end, place);
    return { updates, following };
  }

  #sendAccepted(index: bigint, { acceptance, listening }: Accepted, until: PublishUntil): void {
    if (this.#queue.isClosed) return;
    this.#pushResult({ index, result: { case: 'accepted', value: toAccepted(acceptance, this.#options.cursors) } });
    const progress = new Progress(acceptance.event.adapters, toUntil(until));
    if (progress.isDone) {
      if (listening !== undefined) this.#unfollow(listening.following);
      this.#settle();
    } else if (listening === undefined) void this.#sendDuplicate(acceptance, progress.until);
    else this.#sendUpdates(acceptance, progress, listening);
  }

  #sendRefused(index: bigint, error: unknown): void {
    const refusal = Refusal.of(error, this.#options.onFault);
    this.#pushResult({ index, result: { case: 'refused', value: refusedMessage(refusal) } });
    this.#settle();
  }

  #sendUpdates({ heldByKey }: Acceptance, progress: Progress, { updates, following }: Listening): void {
    const { cursors } = this.#options;
    updates.release((update, place) => {
      if (update.kind === 'held' && !progress.isPending(update.held.adapter)) return;
      progress.apply(update);
      this.#push({ kind: 'ack', ack: toAck(update, cursors.encode(this.#unreadHistories.resumable(place))) });
      if (!progress.isDone) return;
      this.#unfollow(following);
      this.#settle();
    });
    following.hearHeld({ kind: 'new', heldByKey });
  }

  async #sendDuplicate({ event, place }: Acceptance, until: Until): Promise<void> {
    const stop = new AbortController();
    const unfollow = () => stop.abort();
    this.#followed.set(unfollow, place);
    const history = this.#unreadHistories.begin(place);
    try {
      const feed = this.#options.feed.read({
        events: [event],
        until,
        after: place,
        signal: stop.signal,
        onHistoryRead: () => this.#unreadHistories.end(history),
      });
      for await (const batch of feed) for (const ack of batch) this.#pushAck(ack, history);
    } catch (error) {
      // The event is accepted all the same; its acks can be watched again.
      this.#options.onFault(error);
    }
    this.#unreadHistories.end(history);
    this.#followed.delete(unfollow);
    this.#settle();
  }

  #unfollow({ end }: Following): void {
    end();
    this.#followed.delete(end);
  }

  #pushResult(result: Result): void {
    this.#push({ kind: 'result', result });
  }

  /** @param history what the ack is part of, or comes after */
  #pushAck(ack: Ack, history: UnreadHistory): void {
    const { cursors } = this.#options;
    const place = cursors.decode(ack.cursor, 'cursor');
    const resumable = this.#unreadHistories.resumable(place, history);
    this.#push({ kind: 'ack', ack: resumable === place ? ack : { ...ack, cursor: cursors.encode(resumable) } });
  }

  #push(item: Item): void {
    if (this.#queue.isClosed) return;
    this.#queue.push(item);
    this.#unread += 1;
    // It overflowed: what comes from here on is lost to the caller, and lies after this place.
    if (this.#queue.isClosed) this.#endSending();
  }

  #endSending(): void {
    this.#isDone = this.#readEverything && this.#unsettled === 0;
    this.#resumeFrom = this.#followed.values().reduce(earlier, this.#options.acks.place);
    this.#roomAgain();
  }

  #settle(): void {
    this.#unsettled -= 1;
    this.#roomAgain();
    this.#closeWhenDone();
  }

  #closeWhenDone(): void {
    if (this.#readEverything && this.#unsettled === 0) this.#queue.close();
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#roomAgain = resolve;
    });
  }
}

import { channel } from 'node:diagnostics_channel';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import type {
  PublishStreamRequest,
  PublishStreamResponseSchema,
  PublishUntil,
} from '@hms-sync/proto/hms/sync/v1/sync_service';
import { Mailbox, MailboxOverflow } from '../../acks/mailbox.ts';
import { Progress, type Until } from '../../acks/progress.ts';
import type { Tell } from '../../acks/tell.ts';
import type { PublishedEvent } from '../event-message.ts';
import { throwIfStopping } from '../hub-stop.ts';
import type { Intaken } from '../intake.ts';
import { Refusal } from '../refusal.ts';
import { toAccepted, toUntil } from './accepted-message.ts';
import { toAck } from './ack-message.ts';
import { heldNow } from './held-now.ts';
import { HeldTells } from './held-tells.ts';
import { refusedMessage } from './refusal-error.ts';
import { type Item, type Result, toMessage } from './stream-item.ts';
import { tooMany, tooSlow } from './stream-refusals.ts';
import type { SyncServiceOptions } from './sync-service.ts';
import { UntoldHistories, type UntoldHistory } from './untold-histories.ts';

export interface PublishStreamOptions extends SyncServiceOptions {
  readonly requests: AsyncIterable<PublishStreamRequest>;
  readonly signal: AbortSignal;
}

interface Accepted {
  readonly intaken: Intaken;
  /** Undefined for a duplicate. */
  readonly tells: HeldTells | undefined;
}

/** Events of one stream that are not settled: enough to keep every lane's window full of one publisher's work. */
const UNSETTLED_MAX = 4_096;
/** Events of one stream on their way to the disk: enough for a full group, so that more would only wait longer in line. */
const UNCOMMITTED_MAX = 1_024;
/** Of their payload, where it came as bytes: two full groups. One stream alone is slowed then and never refused. */
const UNCOMMITTED_BYTES_MAX = 8 * 1024 * 1024;
/** With so many results and acks unread the hub reads no more events: who writes without reading is slowed. */
const UNREAD_ENOUGH = UNSETTLED_MAX * 4;
/** What the window's events can have to tell besides: results, and acks of 16 adapters with some retries each. */
const UNREAD_MAX = UNREAD_ENOUGH + UNSETTLED_MAX * 32;
/** For whoever measures, such as `npm run bench -- --trace`; they cost nothing while nobody subscribes. */
const eventRead = channel('hms-sync:event-read');
const itemsWritten = channel('hms-sync:items-written');
const EVENTS_PER_MESSAGE_MAX = 1_000;
/** About 200 KiB of acks: large enough to be cheap, small enough that the reader sees the first ones soon. */
const ITEMS_PER_MESSAGE_MAX = 1_024;

/** One PublishStream: takes events while its window has room, and tells results and acks as they come to be. */
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
      for (let start = 0; start < items.length; start += ITEMS_PER_MESSAGE_MAX) {
        yield toMessage(items.slice(start, start + ITEMS_PER_MESSAGE_MAX));
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
  readonly #mailbox: Mailbox<Item>;
  /** What ends the listening to each event that is not settled, and the place after which all of its records are. */
  readonly #followed = new Map<() => void, number>();
  readonly #untold = new UntoldHistories();
  #told: Promise<void> = Promise.resolve();
  #unsettled = 0;
  #uncommitted = 0;
  #uncommittedBytes = 0;
  #unread = 0;
  #index = 0n;
  #resumeFrom = 0;
  #readEverything = false;
  #isDone = false;
  #roomAgain: () => void = () => undefined;

  constructor(options: PublishStreamOptions, signal: AbortSignal) {
    this.#options = options;
    this.#mailbox = new Mailbox({ capacity: UNREAD_MAX, signal });
    signal.addEventListener('abort', () => this.#endTelling(), { once: true });
  }

  /** Whether all was told before the telling ended. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** The cursor from which to go on: what was not told comes after it. */
  get resumeFrom(): string {
    return this.#options.cursors.encode(this.#resumeFrom);
  }

  /** Reads the caller's events to the end; the mailbox closes when the last of them is done. Resolves with why
   * reading ended early, and does not reject: nobody may be there yet to catch it. */
  async readAll(): Promise<unknown> {
    try {
      for await (const request of this.#options.requests) {
        if (request.events.length > EVENTS_PER_MESSAGE_MAX)
          throw tooMany(request.events.length, EVENTS_PER_MESSAGE_MAX);
        for (const event of request.events) {
          while (this.#isFull && !this.#mailbox.isClosed) await this.#room();
          if (this.#mailbox.isClosed) return undefined;
          this.#publish(event, request);
        }
      }
      return undefined;
    } catch (error) {
      // What became of the events before the fault is told first.
      await this.#told;
      this.#mailbox.close();
      return error;
    } finally {
      this.#readEverything = true;
      this.#closeWhenDone();
    }
  }

  /**
   * Takes all that there is to tell, waiting while there is nothing; empty at the end.
   *
   * @throws {Refusal} READER_TOO_SLOW
   */
  async take(): Promise<readonly Item[]> {
    const items = await this.#mailbox.take().catch((error: unknown) => {
      throw error instanceof MailboxOverflow ? tooSlow(this.resumeFrom) : error;
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
      this.#unsettled >= UNSETTLED_MAX ||
      this.#uncommitted >= UNCOMMITTED_MAX ||
      this.#uncommittedBytes >= UNCOMMITTED_BYTES_MAX ||
      this.#unread >= UNREAD_ENOUGH
    );
  }

  /** Hands an event to the journal now; its result is told after those of the events before it. */
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
      (intaken) => ({ intaken, tells: this.#listen(intaken) }),
      (error: unknown) => ({ error }),
    );
    // The journal answers in the order it was asked, so waiting for those before costs no time, but for one whose content
    // has to be compared; a refusal, which did not go to the journal, waits for them.
    this.#told = this.#told.then(async () => {
      const accepted = await accepting;
      this.#uncommitted -= 1;
      this.#uncommittedBytes -= sizeBytes;
      this.#roomAgain();
      if ('error' in accepted) this.#tellRefused(index, accepted.error);
      else this.#tellAccepted(index, accepted, until);
    });
  }

  /** Listens from the moment on in which the event is accepted; a duplicate has its history in the journal. */
  #listen({ event, duplicate, lastCursor }: Intaken): HeldTells | undefined {
    // The caller went while the journal wrote: nobody would ever end the listening.
    if (duplicate || this.#mailbox.isClosed) return undefined;
    const tells = new HeldTells();
    const unfollow = this.#options.acks.follow(event.seq, (tell) => tells.take(tell));
    this.#followed.set(unfollow, lastCursor);
    tells.onEnd = () => {
      unfollow();
      this.#followed.delete(unfollow);
    };
    return tells;
  }

  #tellAccepted(index: bigint, { intaken, tells }: Accepted, until: PublishUntil): void {
    if (this.#mailbox.isClosed) return;
    this.#putResult({ index, result: { case: 'accepted', value: toAccepted(intaken, this.#options.cursors) } });
    const progress = new Progress(intaken.event.adapters, toUntil(until));
    if (progress.isDone) {
      tells?.onEnd();
      this.#settle();
    } else if (tells === undefined) void this.#tellDuplicate(intaken, progress.until);
    else this.#follow(intaken, progress, tells);
  }

  #tellRefused(index: bigint, error: unknown): void {
    const refusal = Refusal.of(error, this.#options.onFault);
    this.#putResult({ index, result: { case: 'refused', value: refusedMessage(refusal) } });
    this.#settle();
  }

  #follow({ event }: Intaken, progress: Progress, tells: HeldTells): void {
    const { acks, cursors } = this.#options;
    tells.release((tell: Tell) => {
      progress.take(tell);
      this.#putAck(toAck(tell, cursors, acks.lastCursor));
      if (!progress.isDone) return;
      tells.onEnd();
      this.#settle();
    });
    // What was recorded before stands in the mailbox before it.
    const held = heldNow(this.#options, { event, progress, stored: [], toldCursor: acks.lastCursor });
    for (const ack of held) this.#putAck(ack);
  }

  async #tellDuplicate({ event, lastCursor }: Intaken, until: Until): Promise<void> {
    const stop = new AbortController();
    const unfollow = () => stop.abort();
    this.#followed.set(unfollow, lastCursor);
    const history = this.#untold.begin(lastCursor);
    try {
      const feed = this.#options.feed.read({
        events: [event],
        until,
        afterCursor: lastCursor,
        isNew: false,
        signal: stop.signal,
        onHistoryTold: () => this.#untold.end(history),
      });
      for await (const batch of feed) for (const ack of batch) this.#putAck(ack, history);
    } catch (error) {
      // The event is accepted all the same; its acks can be watched again.
      this.#options.onFault(error);
    }
    this.#untold.end(history);
    this.#followed.delete(unfollow);
    this.#settle();
  }

  #putResult(result: Result): void {
    this.#put({ kind: 'result', result });
  }

  /** @param teller the history that the ack is part of, or comes after */
  #putAck(ack: Ack, teller?: UntoldHistory): void {
    const { cursors } = this.#options;
    const bound = this.#untold.bound(teller);
    const isPast = Number.isFinite(bound) && cursors.decode(ack.cursor, 'cursor') > bound;
    this.#put({ kind: 'ack', ack: isPast ? { ...ack, cursor: cursors.encode(bound) } : ack });
  }

  #put(item: Item): void {
    if (this.#mailbox.isClosed) return;
    this.#mailbox.put(item);
    this.#unread += 1;
    // It ran over: what is told from here on is lost to the caller, and comes after this place.
    if (this.#mailbox.isClosed) this.#endTelling();
  }

  #endTelling(): void {
    this.#isDone = this.#readEverything && this.#unsettled === 0;
    this.#resumeFrom = Math.min(this.#options.acks.lastCursor, ...this.#followed.values());
    this.#roomAgain();
  }

  #settle(): void {
    this.#unsettled -= 1;
    this.#roomAgain();
    this.#closeWhenDone();
  }

  #closeWhenDone(): void {
    if (this.#readEverything && this.#unsettled === 0) this.#mailbox.close();
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#roomAgain = resolve;
    });
  }
}

import { channel } from 'node:diagnostics_channel';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import {
  type Accepted as AcceptedMessage,
  AcceptedSchema,
  type PublishResultSchema,
  type PublishStreamRequest,
  type PublishStreamResponseSchema,
  PublishUntil,
} from '@hms-sync/proto/hms/sync/v1/sync_service';
import type { Principal } from '../../access/principal.ts';
import { type DeliveryUpdate, Progress, type Until } from '../../acks/delivery-update.ts';
import type { DeliveryListener, Following } from '../../acks/followed-events.ts';
import { earlier, type Positions } from '../../journal/positions.ts';
import { BoundedQueue, QueueOverflow } from '../../queues/bounded-queue.ts';
import type { Cursors } from '../cursor.ts';
import { throwIfStopping } from '../hub-stop.ts';
import { shownTo, toAck } from '../publishing/ack-message.ts';
import type { PublishedEvent } from '../publishing/event-message.ts';
import { type Acceptance, recipientWarnings } from '../publishing/intake.ts';
import type { Publishing } from '../publishing/publishing.ts';
import { invalidField, RequestError } from '../request-error.ts';
import { toRefusedMessage } from './connect-error.ts';
import { UnreadHistories, type UnreadHistory } from './unread-histories.ts';

export interface PublishStreamCall {
  readonly requests: AsyncIterable<PublishStreamRequest>;
  readonly signal: AbortSignal;
  readonly caller: Principal;
  /** Called with faults of the hub's own, for the log. */
  readonly onFault: (error: unknown) => void;
}

/** Events of one stream that are not settled: enough to keep every lane busy with one publisher's work. */
const UNSETTLED_MAX = 4_096;
/** Events on their way to the disk: enough for a full group, so that more would only wait longer in line. */
const UNCOMMITTED_MAX = 1_024;
/** Of their payload, where it came as bytes: two full groups. One stream alone is slowed then and never refused. */
const UNCOMMITTED_BYTES_MAX = 8 * 1024 * 1024;
/** With this many results and acks unread the hub reads no more events: who writes without reading is slowed. */
const UNREAD_ENOUGH = UNSETTLED_MAX * 4;
/** What the unsettled events can add to that: results, and acks of 16 adapters with some retries each. */
const UNREAD_MAX = UNREAD_ENOUGH + UNSETTLED_MAX * 32;
const EVENTS_PER_MESSAGE = 1_000;
/** About 200 KiB of acks: large enough to be cheap, small enough that the reader sees the first ones soon. */
const ITEMS_PER_MESSAGE = 1_024;

type Result = MessageInitShape<typeof PublishResultSchema>;
type Message = MessageInitShape<typeof PublishStreamResponseSchema>;

/** One thing that a stream reports. */
type Item = { readonly kind: 'result'; readonly result: Result } | { readonly kind: 'ack'; readonly ack: Ack };

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
export async function* publishStream(publishing: Publishing, call: PublishStreamCall): AsyncGenerator<Message> {
  const stop = new AbortController();
  const signal = AbortSignal.any([call.signal, stop.signal]);
  const publisher = new StreamPublisher(publishing, { ...call, signal });
  const reading = publisher.readAll();
  try {
    for (;;) {
      const items = await publisher.drain();
      if (items.length === 0) break;
      if (itemsWritten.hasSubscribers) itemsWritten.publish(items);
      for (let start = 0; start < items.length; start += ITEMS_PER_MESSAGE) {
        yield toMessage(items.slice(start, start + ITEMS_PER_MESSAGE), call.caller);
      }
    }
    if (!publisher.isDone) throwIfStopping(call.signal, publisher.resumeFrom);
    // A caller who has gone may never end its requests, and nobody is there to hear why reading ended.
    const failure = call.signal.aborted ? undefined : await reading;
    if (failure !== undefined) throw failure;
  } finally {
    stop.abort();
    publisher.forget();
  }
}

class StreamPublisher {
  readonly #publishing: Publishing;
  readonly #call: PublishStreamCall;
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

  constructor(publishing: Publishing, call: PublishStreamCall) {
    const { signal } = call;
    this.#publishing = publishing;
    this.#call = call;
    this.#queue = new BoundedQueue({ capacity: UNREAD_MAX, signal });
    signal.addEventListener('abort', () => this.#endSending(), { once: true });
  }

  /** Whether everything was sent before the sending ended. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** The cursor from which to resume: what was not sent comes after it. */
  get resumeFrom(): string {
    return this.#publishing.cursors.encode(this.#resumeFrom);
  }

  /** Reads the caller's events to the end; the queue closes when the last of them is done. Resolves with why
   * reading ended early, and does not reject: nobody may be there yet to catch it. */
  async readAll(): Promise<unknown> {
    try {
      for await (const request of this.#call.requests) {
        const { length } = request.events;
        if (length > EVENTS_PER_MESSAGE)
          throw invalidField(
            'events',
            `holds ${length}, at most ${EVENTS_PER_MESSAGE} are taken in one message; send them in several`,
          );
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
   * @throws {RequestError} READER_TOO_SLOW
   */
  async drain(): Promise<readonly Item[]> {
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
      this.#unsettled >= UNSETTLED_MAX ||
      this.#uncommitted >= UNCOMMITTED_MAX ||
      this.#uncommittedBytes >= UNCOMMITTED_BYTES_MAX ||
      this.#unread >= UNREAD_ENOUGH
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
    const accepting = this.#publishing.accept(event, this.#call.caller).then(
      (acceptance) => ({ acceptance, listening: this.#listen(acceptance) }),
      (error: unknown) => ({ error }),
    );
    // The journal answers in the order it was asked, so waiting for those before costs no time, except for one whose content
    // has to be compared; a rejected event, which did not go to the journal, waits for them.
    this.#answered = this.#answered.then(async () => {
      const accepted = await accepting;
      this.#uncommitted -= 1;
      this.#uncommittedBytes -= sizeBytes;
      this.#roomAgain();
      if ('error' in accepted) this.#sendRejected(index, accepted.error);
      else this.#sendAccepted(index, accepted, until);
    });
  }

  /** Listens from the moment on in which the event is accepted; a duplicate has its history in the journal. */
  #listen({ event, duplicate, place }: Acceptance): Listening | undefined {
    // The caller went while the journal wrote: nobody would ever end the listening.
    if (duplicate || this.#queue.isClosed) return undefined;
    const updates = new EarlyUpdates();
    const following = this.#publishing.acks.follow(event, updates.listen);
    this.#followed.set(following.end, place);
    return { updates, following };
  }

  #sendAccepted(index: bigint, { acceptance, listening }: Accepted, until: PublishUntil): void {
    if (this.#queue.isClosed) return;
    this.#pushResult({ index, result: { case: 'accepted', value: toAccepted(acceptance, this.#publishing.cursors) } });
    const progress = new Progress(acceptance.event.adapters, toUntil(until));
    if (progress.isDone) {
      if (listening !== undefined) this.#unfollow(listening.following);
      this.#settle();
    } else if (listening === undefined) void this.#sendDuplicate(acceptance, progress.until);
    else this.#sendUpdates(acceptance, progress, listening);
  }

  #sendRejected(index: bigint, error: unknown): void {
    const rejection = RequestError.of(error, this.#call.onFault);
    this.#pushResult({ index, result: { case: 'refused', value: toRefusedMessage(rejection) } });
    this.#settle();
  }

  #sendUpdates({ heldByKey }: Acceptance, progress: Progress, { updates, following }: Listening): void {
    const { cursors } = this.#publishing;
    updates.release((update, place) => {
      if (update.kind === 'held' && !progress.isPending(update.held.adapter)) return;
      progress.apply(update);
      this.#push({ kind: 'ack', ack: toAck(update, cursors.encode(this.#unreadHistories.resumable(place))) });
      if (!progress.isDone) return;
      this.#unfollow(following);
      this.#settle();
    });
    following.reportHeld({ kind: 'new', heldByKey });
  }

  async #sendDuplicate(acceptance: Acceptance, until: Until): Promise<void> {
    const { place } = acceptance;
    const stop = new AbortController();
    const unfollow = () => stop.abort();
    this.#followed.set(unfollow, place);
    const history = this.#unreadHistories.begin(place);
    try {
      const onHistoryRead = () => this.#unreadHistories.end(history);
      const feed = this.#publishing.follow(acceptance, { until, signal: stop.signal, onHistoryRead });
      for await (const batch of feed) for (const ack of batch) this.#pushAck(ack, history);
    } catch (error) {
      // The event is accepted all the same; its acks can be watched again.
      this.#call.onFault(error);
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
    const { cursors } = this.#publishing;
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
    this.#resumeFrom = this.#followed.values().reduce(earlier, this.#publishing.acks.place);
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

/** Updates of an event that came before its acceptance was sent: they wait for that. */
class EarlyUpdates {
  readonly #early: (readonly [DeliveryUpdate, Positions])[] = [];
  // The place changes with the next record.
  #listener: DeliveryListener = (update, place) => this.#early.push([update, new Map(place)]);

  readonly listen: DeliveryListener = (update, place) => this.#listener(update, place);

  /** From here on the listener gets everything at once, and first what was kept. */
  release(listener: DeliveryListener): void {
    this.#listener = listener;
    for (const [update, place] of this.#early.splice(0)) listener(update, place);
  }
}

function toMessage(items: readonly Item[], caller: Principal): Message {
  return {
    results: items.flatMap((item) => (item.kind === 'result' ? [item.result] : [])),
    acks: items.flatMap((item) => (item.kind === 'ack' ? [shownTo(caller, item.ack)] : [])),
  };
}

/** @param cursor where to resume */
function tooSlow(cursor: string): RequestError {
  const message = `results and acks were not read in time; publish what has no result again, and watch acks from the cursor ${cursor}`;
  return new RequestError('READER_TOO_SLOW', message, { metadata: { cursor } });
}

/** The first message that a publisher gets. */
export function toAccepted(acceptance: Acceptance, cursors: Cursors): AcceptedMessage {
  const { event, duplicate, place } = acceptance;
  const { id: eventId, source, adapters } = event;
  const warnings = [...recipientWarnings(acceptance)];
  const cursor = cursors.encode(place);
  return create(AcceptedSchema, { eventId, source, adapters: [...adapters], duplicate, cursor, warnings });
}

/** Until when a publisher wants updates. */
export function toUntil(until: PublishUntil): Until {
  switch (until) {
    case PublishUntil.ACCEPTED:
      return 'accepted';
    case PublishUntil.FIRST_ATTEMPT:
      return 'first_attempt';
    // An unknown number comes from a newer caller; the default is the safest reading.
    default:
      return 'settled';
  }
}

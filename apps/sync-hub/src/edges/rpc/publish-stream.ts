import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import type {
  PublishResultSchema,
  PublishStreamRequest,
  PublishStreamResponseSchema,
} from '@hms-sync/proto/hms/sync/v1/sync_service';
import { Mailbox } from '../../acks/mailbox.ts';
import { Progress } from '../../acks/progress.ts';
import type { Tell } from '../../acks/tell.ts';
import type { PublishedEvent } from '../event-message.ts';
import type { Intaken } from '../intake.ts';
import { Refusal } from '../refusal.ts';
import { toAccepted, toUntil } from './accepted-message.ts';
import { toAck } from './ack-message.ts';
import { heldNow } from './held-now.ts';
import { refusedMessage } from './refusal-error.ts';
import type { SyncServiceOptions } from './sync-service.ts';

export interface PublishStreamOptions extends SyncServiceOptions {
  readonly requests: AsyncIterable<PublishStreamRequest>;
  readonly signal: AbortSignal;
}

type Result = MessageInitShape<typeof PublishResultSchema>;
type Item = { readonly kind: 'result'; readonly result: Result } | { readonly kind: 'ack'; readonly ack: Ack };

/** Events of one stream that are not settled: enough to keep every lane's window full of one publisher's work. */
const UNSETTLED_MAX = 4_096;
/** What the window's events can have to tell: results, and acks of 16 adapters with some retries each. */
const UNREAD_MAX = UNSETTLED_MAX * 32;
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
      const items = await publisher.mailbox.take();
      if (items.length === 0) break;
      for (let start = 0; start < items.length; start += ITEMS_PER_MESSAGE_MAX) {
        yield toMessage(items.slice(start, start + ITEMS_PER_MESSAGE_MAX));
      }
    }
    const failure = await reading;
    if (failure !== undefined) throw failure;
  } finally {
    stop.abort();
    publisher.forget();
  }
}

class StreamPublisher {
  readonly mailbox: Mailbox<Item>;
  readonly #options: PublishStreamOptions;
  readonly #unfollow = new Set<() => void>();
  #unsettled = 0;
  #index = 0n;
  #readEverything = false;
  #roomAgain: () => void = () => undefined;

  constructor(options: PublishStreamOptions, signal: AbortSignal) {
    this.#options = options;
    this.mailbox = new Mailbox({ capacity: UNREAD_MAX, signal });
    signal.addEventListener('abort', () => this.#roomAgain(), { once: true });
  }

  /** Reads the caller's events to the end; the mailbox closes when the last of them is done. Resolves with why
   * reading ended early, and does not reject: nobody may be there yet to catch it. */
  async readAll(): Promise<unknown> {
    try {
      for await (const request of this.#options.requests) {
        if (request.events.length > EVENTS_PER_MESSAGE_MAX) throw tooMany(request.events.length);
        for (const event of request.events) {
          while (this.#unsettled >= UNSETTLED_MAX && !this.mailbox.isClosed) await this.#room();
          if (this.mailbox.isClosed) return undefined;
          this.#unsettled += 1;
          void this.#publish(event, this.#index, request);
          this.#index += 1n;
        }
      }
      return undefined;
    } catch (error) {
      this.mailbox.close();
      return error;
    } finally {
      this.#readEverything = true;
      this.#closeWhenDone();
    }
  }

  /** Stops listening to what is not settled. */
  forget(): void {
    for (const unfollow of this.#unfollow) unfollow();
    this.#unfollow.clear();
  }

  async #publish(event: PublishedEvent, index: bigint, { until }: PublishStreamRequest): Promise<void> {
    const { intake, cursors } = this.#options;
    try {
      const intaken = await intake.accept(event);
      this.#putResult({ index, result: { case: 'accepted', value: toAccepted(intaken, cursors) } });
      const progress = new Progress(intaken.event.adapters, toUntil(until));
      if (progress.isDone) this.#settle();
      else if (intaken.duplicate) await this.#tellDuplicate(intaken, progress);
      else this.#follow(intaken, progress);
    } catch (error) {
      if (!(error instanceof Refusal)) this.#options.onFault(error);
      const refusal = error instanceof Refusal ? error : unexpected();
      this.#putResult({ index, result: { case: 'refused', value: refusedMessage(refusal) } });
      this.#settle();
    }
  }

  #follow({ event }: Intaken, progress: Progress): void {
    const { acks, cursors } = this.#options;
    const unfollow = acks.follow(event.seq, (tell: Tell) => {
      progress.take(tell);
      this.mailbox.put({ kind: 'ack', ack: toAck(tell, cursors, acks.lastCursor) });
      if (!progress.isDone) return;
      unfollow();
      this.#unfollow.delete(unfollow);
      this.#settle();
    });
    this.#unfollow.add(unfollow);
    for (const ack of heldNow(this.#options, { event, progress, stored: [] })) this.mailbox.put({ kind: 'ack', ack });
  }

  async #tellDuplicate(intaken: Intaken, progress: Progress): Promise<void> {
    const stop = new AbortController();
    const unfollow = () => stop.abort();
    this.#unfollow.add(unfollow);
    const until = progress.until;
    const { event, lastCursor } = intaken;
    const feed = this.#options.feed.read({ events: [event], until, afterCursor: lastCursor, signal: stop.signal });
    for await (const batch of feed) for (const ack of batch) this.mailbox.put({ kind: 'ack', ack });
    this.#unfollow.delete(unfollow);
    this.#settle();
  }

  #putResult(result: Result): void {
    this.mailbox.put({ kind: 'result', result });
  }

  #settle(): void {
    this.#unsettled -= 1;
    this.#roomAgain();
    this.#closeWhenDone();
  }

  #closeWhenDone(): void {
    if (this.#readEverything && this.#unsettled === 0) this.mailbox.close();
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#roomAgain = resolve;
    });
  }
}

function toMessage(items: readonly Item[]): MessageInitShape<typeof PublishStreamResponseSchema> {
  return {
    results: items.flatMap((item) => (item.kind === 'result' ? [item.result] : [])),
    acks: items.flatMap((item) => (item.kind === 'ack' ? [item.ack] : [])),
  };
}

function tooMany(count: number): Refusal {
  const description = `holds ${count}, at most ${EVENTS_PER_MESSAGE_MAX} are taken in one message; send them in several`;
  return new Refusal('REQUEST_INVALID', `events ${description}`, { fields: [{ field: 'events', description }] });
}

/** A fault of the hub's own. The event may be on disk: publishing it again with its id tells. */
function unexpected(): Refusal {
  return new Refusal(
    'JOURNAL_FAILED',
    'the hub failed; whether the event was accepted is unknown: publish it again with the same id',
  );
}

import type { HandlerContext } from '@connectrpc/connect';
import { type Ack, DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import type { WatchAcksRequest } from '@hms-sync/proto/hms/sync/v1/sync_service';
import type { Until } from '../../src/acks/progress.ts';
import type { RecordedDelivery } from '../../src/core/delivery.ts';
import type { Intaken } from '../../src/edges/intake.ts';
import { Refusal } from '../../src/edges/refusal.ts';
import { JournalError } from '../../src/journal/journal.ts';
import type { MemoryDisk } from '../../src/journal/memory/memory-disk.ts';
import type { Chronicle } from './chronicle.ts';
import type { HubProcess } from './process.ts';

export interface ReaderOptions {
  readonly disk: MemoryDisk;
  readonly chronicle: Chronicle;
  /** The events it follows until they are settled; absent: everything, for ever. */
  readonly eventIds?: readonly string[];
}

interface Connection {
  readonly pages: AsyncIterator<readonly Ack[], void>;
  readonly process: HubProcess;
  readonly abort: AbortController;
  readonly until: Until;
  isReading: boolean;
}

/** Acks in one message, whatever is read. */
const PAGE_ACKS_MAX = 256;

/** A caller who watches acks, goes away at any moment, and comes back with the cursor of the last ack that it read. */
export class SimulatedReader {
  readonly #options: ReaderOptions;
  /** The place that it read to; undefined before it ever was connected. */
  #cursor: number | undefined;
  #connection: Connection | undefined;
  /** Deliveries and cycles whose terminal ack was read, and what it said. */
  readonly #ended = new Map<string, DeliveryState>();
  /** All that it followed is settled. */
  isDone = false;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  get isReading(): boolean {
    return this.#connection?.isReading ?? false;
  }

  get cursor(): number | undefined {
    return this.#cursor;
  }

  /** Watches from where it left off. */
  watch(process: HubProcess): void {
    const { eventIds = [] } = this.#options;
    const cursor = this.#cursor === undefined ? '' : process.cursors.encode(this.#cursor);
    const abort = new AbortController();
    const request = { eventIds: [...eventIds], cursor } as unknown as WatchAcksRequest;
    const responses = process.parts.sync.watchAcks(request, { signal: abort.signal } as HandlerContext);
    this.#connect(process, { pages: this.#pagesOf(responses, process), abort, until: 'settled' });
  }

  /** Follows an event that was taken in just now. */
  follow(process: HubProcess, { event, duplicate, lastCursor }: Intaken, until: Until): void {
    this.#cursor = lastCursor;
    const abort = new AbortController();
    const request = { events: [event], until, afterCursor: lastCursor, isNew: !duplicate, signal: abort.signal };
    this.#connect(process, { pages: process.parts.feed.read(request), abort, until });
  }

  /** Asks for the next page, and takes it when it comes. */
  read(): void {
    const connection = this.#connection;
    if (connection === undefined || connection.isReading) return;
    connection.isReading = true;
    const isGone = () => this.#connection !== connection || connection.process.facts.isOver;
    const fail = (error: unknown) => {
      if (!isGone()) this.#fail(connection, error);
    };
    connection.pages.next().then(({ done, value }) => {
      connection.isReading = false;
      if (isGone()) return;
      if (done === true) this.#finish(connection);
      else this.#take(connection.process, value);
    }, fail);
  }

  /** Goes away, in the middle of whatever it was reading. */
  disconnect(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined || connection.process.facts.isOver) return;
    connection.abort.abort();
    void connection.pages.return?.();
  }

  #connect(process: HubProcess, connection: Pick<Connection, 'pages' | 'abort' | 'until'>): void {
    this.#connection = { ...connection, process, isReading: false };
    // The server begins with a call as it comes in; from then on the caller's pace counts.
    this.read();
  }

  async *#pagesOf(
    responses: ReturnType<HubProcess['parts']['sync']['watchAcks']>,
    process: HubProcess,
  ): AsyncGenerator<readonly Ack[], void> {
    const { chronicle } = this.#options;
    for await (const { acks = [], cursor = '' } of responses) {
      const page = acks as readonly Ack[];
      chronicle.must(page.length === 0 || cursor === page.at(-1)?.cursor, 'a page ends at its last ack');
      // The first one says where reading begins.
      this.#cursor ??= process.cursors.decode(cursor, 'cursor');
      yield page;
    }
  }

  #take(process: HubProcess, page: readonly Ack[]): void {
    const { chronicle, disk } = this.#options;
    chronicle.must(page.length <= PAGE_ACKS_MAX, `a page holds ${PAGE_ACKS_MAX} acks at most, not ${page.length}`);
    for (const ack of page) {
      const cursor = process.cursors.decode(ack.cursor, 'cursor');
      chronicle.must(cursor <= disk.records.length, `ack ${cursor} is not ahead of the disk`);
      const next = this.#nextRecord();
      if (ack.state === DeliveryState.HELD) this.#takeHeld(ack, cursor, next);
      else this.#takeRecord(ack, cursor, next);
      this.#cursor = cursor;
    }
  }

  #takeRecord(ack: Ack, cursor: number, next: RecordedDelivery | undefined): void {
    const { chronicle } = this.#options;
    const at = `after ${this.#cursor}`;
    chronicle.must(cursor === next?.cursor, `${at} a reader is told ${next?.cursor}, not ${cursor}: no gap, no repeat`);
    chronicle.meet('told');
    const isSame = ack.eventId === next?.eventId && ack.adapter === next.adapter && ack.cycle === next.cycle;
    chronicle.must(isSame, `ack ${cursor} is that of its record`);
    const place = placeOf(ack);
    const ended = this.#ended.get(place);
    // A dead letter is given up in the cycle in which it died.
    const isGivenUp = ended === DeliveryState.DEAD_LETTERED && ack.state === DeliveryState.DISCARDED;
    chronicle.must(ended === undefined || isGivenUp, `${place} has one terminal ack, and none after it`);
    if (ack.state !== DeliveryState.RETRYING) this.#ended.set(place, ack.state);
  }

  /** It says nothing that was recorded; to resume from its place must lead to the same records. */
  #takeHeld(ack: Ack, cursor: number, next: RecordedDelivery | undefined): void {
    const { chronicle } = this.#options;
    chronicle.meet('held');
    const passes = next !== undefined && next.cursor <= cursor;
    chronicle.must(!passes && cursor >= (this.#cursor ?? 0), `HELD at ${cursor} is told in its place`);
    const isLate = this.#ended.has(placeOf(ack));
    chronicle.must(!isLate, `${placeOf(ack)} is not said to be held after its terminal ack`);
  }

  /** The first record on disk that it is to be told next. */
  #nextRecord(): RecordedDelivery | undefined {
    const { disk, eventIds } = this.#options;
    const later = disk.records.slice(this.#cursor ?? 0);
    return eventIds === undefined ? later[0] : later.find(({ eventId }) => eventIds.includes(eventId));
  }

  #finish({ process, until }: Connection): void {
    const { chronicle, disk, eventIds } = this.#options;
    this.#connection = undefined;
    chronicle.must(eventIds !== undefined || process.facts.isStopping, 'a watch of everything does not end');
    const isReached = (eventId: string) =>
      [...(disk.eventsById.get(eventId)?.deliveries.values() ?? [])].every(({ records }) =>
        records.some((record) => {
          const isFarEnough = until === 'first_attempt' || record.state !== 'retrying';
          return isFarEnough && record.cursor <= (this.#cursor ?? 0);
        }),
      );
    if (eventIds === undefined) return;
    chronicle.must(eventIds.every(isReached), `what follows ${eventIds} ends when it is ${until}`);
    this.isDone = true;
  }

  #fail({ process }: Connection, error: unknown): void {
    this.#connection = undefined;
    const { hasFailed, isClosed } = process.facts;
    const isEnding = error instanceof JournalError && (hasFailed || isClosed);
    const isSlow = error instanceof Refusal && error.reason === 'READER_TOO_SLOW';
    this.#options.chronicle.must(isEnding || isSlow, `a reader is not told: ${error}`);
  }
}

function placeOf({ eventId, adapter, cycle }: Ack): string {
  return `${eventId} at ${adapter}, cycle ${cycle},`;
}

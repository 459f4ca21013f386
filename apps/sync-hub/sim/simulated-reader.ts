import { createContextValues, type HandlerContext } from '@connectrpc/connect';
import { type Ack, DeliveryState, type HeldBy } from '@hms-sync/proto/hms/sync/v1/ack';
import type { WatchAcksRequest } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { OPEN_PRINCIPAL } from '../src/access/principal.ts';
import type { Until } from '../src/acks/delivery-update.ts';
import type { AcceptedEvent } from '../src/core/event.ts';
import type { Acceptance } from '../src/edges/publishing/intake.ts';
import { RequestError } from '../src/edges/request-error.ts';
import { CALLER } from '../src/edges/rpc/caller.ts';
import { JournalError } from '../src/journal/journal-error.ts';
import { isAfter, type Positions } from '../src/journal/positions.ts';
import type { JournalModel, ModelRecord } from './model/model.ts';
import type { HubProcess } from './process.ts';
import type { Trace } from './trace.ts';

export interface ReaderOptions {
  /** What is on disk. */
  readonly model: JournalModel;
  readonly trace: Trace;
  /** What it follows until it is settled; absent: everything, without end. */
  readonly event?: AcceptedEvent;
}

interface Connection {
  readonly pages: AsyncIterator<readonly Ack[], void>;
  readonly process: HubProcess;
  readonly abort: AbortController;
  readonly until: Until;
  isReading: boolean;
}

const AS_ADMINISTRATOR = createContextValues().set(CALLER, OPEN_PRINCIPAL);

/** Acks in one message, however many there are. */
const PAGE_ACKS_MAX = 256;

/** A caller who watches acks, goes away at any moment, and reconnects with the cursor of the last ack that it read. */
export class SimulatedReader {
  readonly #options: ReaderOptions;
  /** The place that it read to; undefined before it ever was connected. */
  #place: Positions | undefined;
  #connection: Connection | undefined;
  /** Deliveries and cycles whose terminal ack was read, and what it reported. */
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

  /** It has read every record that is on disk. */
  get hasReadAll(): boolean {
    return this.#options.model.adapters.every((adapter) => this.#next(adapter) === undefined);
  }

  /** Watches from where it left off. */
  watch(process: HubProcess): void {
    const { event, trace } = this.#options;
    trace.note(
      () =>
        `a reader watches ${event?.seq ?? 'everything'} after ${this.#place && process.cursors.encode(this.#place)}`,
    );
    const cursor = this.#place === undefined ? '' : process.cursors.encode(this.#place);
    const abort = new AbortController();
    const eventIds = event === undefined ? [] : [event.id];
    const request = { eventIds, source: event?.source, cursor } as unknown as WatchAcksRequest;
    const responses = process.parts.sync.watchAcks(request, {
      signal: abort.signal,
      values: AS_ADMINISTRATOR,
    } as HandlerContext);
    this.#connect(process, { pages: this.#pagesOf(responses, process), abort, until: 'settled' });
  }

  /** Follows an event that was accepted just now. */
  follow(process: HubProcess, acceptance: Acceptance, until: Until): void {
    this.#place = new Map(acceptance.place);
    const abort = new AbortController();
    const { event, place } = acceptance;
    this.#options.trace.note(() => `a reader follows ${event.seq} after ${process.cursors.encode(place)}`);
    const pages = process.parts.publishing.follow(acceptance, { until, signal: abort.signal });
    this.#connect(process, { pages, abort, until });
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
      else this.#accept(connection.process, value);
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
    const { trace } = this.#options;
    for await (const { acks = [], cursor = '' } of responses) {
      const page = acks as readonly Ack[];
      trace.must(page.length === 0 || cursor === page.at(-1)?.cursor, 'a page ends at its last ack');
      // The first one says where reading begins.
      this.#place ??= process.cursors.decode(cursor, 'cursor');
      yield page;
    }
  }

  #accept(process: HubProcess, page: readonly Ack[]): void {
    const { trace } = this.#options;
    trace.must(page.length <= PAGE_ACKS_MAX, `a page holds ${PAGE_ACKS_MAX} acks at most, not ${page.length}`);
    for (const ack of page) {
      const place = process.cursors.decode(ack.cursor, 'cursor');
      trace.note(() => `ack of ${ack.eventId} at ${ack.adapter}: state ${ack.state}, ${ack.cursor}`);
      if (ack.state === DeliveryState.HELD) this.#acceptHeld(ack, place);
      else this.#acceptRecord(ack, place);
      this.#place = place;
    }
  }

  #acceptRecord(ack: Ack, place: Positions): void {
    const { trace, model } = this.#options;
    const next = this.#next(ack.adapter);
    const name = `${ack.eventId} of "${ack.source}" at ${ack.adapter}`;
    trace.meet('ack');
    const event = next && model.event(next.seq);
    const isSame = event?.id === ack.eventId && event.source === ack.source && ack.cycle === next?.cycle;
    trace.must(isSame, `a reader gets event ${next?.seq} at ${ack.adapter}, not ${name}: no gap, no repeat`);
    this.#checkPlace(place, { ...next, adapter: ack.adapter }, name);
    const cycle = `${name}, cycle ${ack.cycle},`;
    const ended = this.#ended.get(cycle);
    // A dead letter is discarded in the cycle in which it died.
    const isDiscarded = ended === DeliveryState.DEAD_LETTERED && ack.state === DeliveryState.DISCARDED;
    trace.must(ended === undefined || isDiscarded, `${cycle} has one terminal ack, and none after it`);
    if (ack.state !== DeliveryState.RETRYING) this.#ended.set(cycle, ack.state);
    this.#heldBy.delete(cycle);
  }

  /** The cursor of an ack is the place right after its record: nothing of what was not read lies before it. */
  #checkPlace(place: Positions, { adapter, position }: { adapter: string; position?: number }, name: string): void {
    const { trace, model } = this.#options;
    trace.must(place.get(adapter) === position, `the cursor of ${name} is the place of its record, ${position}`);
    for (const other of model.adapters) {
      if (other === adapter) continue;
      const next = this.#next(other);
      trace.must(next === undefined || isAfter(next, place), `the cursor of ${name} leaves out no record of ${other}`);
      const newest = model.records(other).at(-1)?.position ?? 0;
      trace.must((place.get(other) ?? 0) <= newest, `the cursor of ${name} is not ahead of the disk`);
    }
  }

  /** What was reported last to hold a delivery in a cycle. */
  readonly #heldBy = new Map<string, HeldBy>();

  /** It reports nothing that was recorded; to resume from its place must lead to the same records. */
  #acceptHeld(ack: Ack, place: Positions): void {
    const { trace, model } = this.#options;
    trace.meet('held');
    const cycle = `${ack.eventId} of "${ack.source}" at ${ack.adapter}, cycle ${ack.cycle},`;
    for (const adapter of model.adapters) {
      const next = this.#next(adapter);
      trace.must(next === undefined || isAfter(next, place), `HELD of ${cycle} leaves out no record of ${adapter}`);
    }
    trace.must(!this.#ended.has(cycle), `${cycle} is not reported to be held after its terminal ack`);
    this.#heldBy.set(cycle, ack.heldBy);
  }

  /** The first record of an adapter on disk that it is to get next. */
  #next(adapter: string): ModelRecord | undefined {
    const { model, event } = this.#options;
    const place = this.#place ?? new Map();
    return model
      .records(adapter)
      .find((record) => isAfter(record, place) && (event === undefined || record.seq === event.seq));
  }

  #finish({ process, until }: Connection): void {
    const { trace, model, event } = this.#options;
    this.#connection = undefined;
    trace.must(event !== undefined || process.facts.isStopping, 'a watch of everything does not end');
    if (event === undefined) return;
    const place = this.#place ?? new Map();
    const isReached = event.adapters.every((adapter) =>
      model.recordsOf(adapter, event.seq).some((record) => {
        const isFarEnough = until === 'first_attempt' || record.state !== 'retrying';
        return isFarEnough && !isAfter(record, place);
      }),
    );
    trace.must(isReached, `what follows ${event.id} ends when it is ${until}`);
    this.isDone = true;
  }

  #fail({ process }: Connection, error: unknown): void {
    this.#connection = undefined;
    const { hasFailed, isClosed } = process.facts;
    const isEnding = error instanceof JournalError && (hasFailed || isClosed);
    const isSlow = error instanceof RequestError && error.reason === 'READER_TOO_SLOW';
    const isStopping = error instanceof RequestError && error.reason === 'HUB_STOPPING' && process.facts.isStopping;
    this.#options.trace.must(isEnding || isSlow || isStopping, `a reader gets no error: ${error}`);
  }
}

import type { DeliveryState, RecordedDelivery } from '../core/delivery.ts';
import type { AcceptedEvent } from '../core/event.ts';
import { createMatcher, type DeliveryFilter } from '../journal/delivery-filter.ts';
import type { DeliveryPosition } from '../journal/delivery-page.ts';
import type { Journal } from '../journal/journal.ts';
import { MovingPlace, type Positions } from '../journal/positions.ts';
import type { Clock } from '../lanes/clock.ts';
import { BoundedQueue } from '../queues/bounded-queue.ts';

export interface EventTailOptions {
  readonly journal: Pick<Journal, 'listDeliveries' | 'info'>;
  readonly clock: Clock;
}

/** What a tail shows. */
export type TailEvent =
  /** An event was accepted; its payload is left out. */
  | { readonly kind: 'accepted'; readonly event: AcceptedEvent }
  /** An outcome was recorded, and the place right after it. */
  | { readonly kind: 'recorded'; readonly record: RecordedDelivery; readonly place: Positions }
  /** This many were left out here: the reader was slow. */
  | { readonly kind: 'missed'; readonly count: number };

/** About a second of what a busy hub does, and less than a megabyte. */
export const TAIL_QUEUE_MAX = 1_024;

/** What is tailed: times are left out, and empty states mean any. */
export type TailFilter = Omit<DeliveryFilter, 'acceptedFromMs' | 'acceptedToMs'>;

/** Each costs every event a look: at most this many at once. */
export const TAILS_MAX = 16;

const ALL_STATES: readonly DeliveryState[] = [
  'waiting',
  'retrying',
  'delivered',
  'skipped',
  'dead_lettered',
  'discarded',
];

/** A look-up is followed by a rest of nine times its length: a tail gets a tenth of the journal's time at the most. */
const REST_PER_LOOKUP = 9;

/**
 * Shows events as they are accepted, and outcomes as they are recorded. Never waits for a reader: one that is slow misses
 * some, and gets their number.
 */
export class EventTail {
  readonly #options: EventTailOptions;
  readonly #readers = new Set<Subscription>();
  readonly #newest: MovingPlace;

  constructor(options: EventTailOptions) {
    this.#options = options;
    this.#newest = new MovingPlace(options.journal.info.positions);
  }

  /** Events that are on disk. */
  accepted(events: readonly AcceptedEvent[]): void {
    for (const reader of this.#readers) reader.accepted(events);
  }

  /** Records that are on disk. */
  recorded(records: readonly RecordedDelivery[]): void {
    for (const record of records) {
      this.#newest.move(record);
      for (const reader of this.#readers) reader.recorded(record, this.#newest.positions);
    }
  }

  /**
   * What happens until the signal aborts, after a first nothing that says that it has begun; undefined when there are
   * {@link TAILS_MAX}.
   */
  watch(filter: TailFilter, signal: AbortSignal): AsyncGenerator<readonly TailEvent[], void> | undefined {
    if (this.#readers.size >= TAILS_MAX) return undefined;
    return this.#read(filter, signal);
  }

  async *#read(filter: TailFilter, signal: AbortSignal): AsyncGenerator<readonly TailEvent[], void> {
    const reader = new Subscription(filter, signal);
    this.#readers.add(reader);
    try {
      // Says that it has begun.
      yield [];
      for (;;) {
        const entries = await reader.drain();
        if (signal.aborted) return;
        const selected = namesTypes(filter) ? await this.#select(entries, filter) : entries;
        if (selected.length > 0) yield selected;
      }
    } finally {
      this.#readers.delete(reader);
    }
  }

  /** Without the records of events of other types, which a record does not say. */
  async #select(entries: readonly TailEvent[], { types }: TailFilter): Promise<readonly TailEvent[]> {
    const records = entries.flatMap((entry) => (entry.kind === 'recorded' ? [entry.record] : []));
    if (records.length === 0) return entries;
    const eventIds = [...new Set(records.map(({ eventId }) => eventId))];
    const sources = [...new Set(records.map(({ source }) => source))];
    const { journal, clock } = this.#options;
    const filter = { eventIds, sources, states: ALL_STATES, ...(types && { types }) };
    const startedMs = clock.monotonicMs();
    const selected = new Set<number>();
    let after: DeliveryPosition | undefined;
    do {
      const page = await journal.listDeliveries({ filter, limit: 256, ...(after && { after }) });
      for (const { seq } of page.deliveries) selected.add(seq);
      after = page.next;
    } while (after !== undefined);
    const { promise: rested, resolve } = Promise.withResolvers<void>();
    clock.startTimer(REST_PER_LOOKUP * (clock.monotonicMs() - startedMs), resolve);
    await rested;
    return entries.filter((entry) => entry.kind !== 'recorded' || selected.has(entry.record.seq));
  }
}

/** One tail: what of all that happens is meant, as far as that can be said at once. */
class Subscription {
  readonly #queue: BoundedQueue<TailEvent>;
  #missed = 0;
  readonly #matchesEvent: ReturnType<typeof createMatcher>;
  readonly #matchesRecord: ReturnType<typeof createMatcher>;

  constructor({ types, ...filter }: TailFilter, signal: AbortSignal) {
    this.#queue = new BoundedQueue({ capacity: TAIL_QUEUE_MAX, signal, whenFull: 'drop' });
    const states = filter.states === undefined || filter.states.length === 0 ? ALL_STATES : filter.states;
    this.#matchesRecord = createMatcher({ ...filter, states });
    this.#matchesEvent = createMatcher({ ...filter, states, ...(types && { types }) });
  }

  accepted(events: readonly AcceptedEvent[]): void {
    for (const event of events) {
      const { id: eventId, source, type, key, acceptedAtMs } = event;
      const waiting = { eventId, source, type, key, acceptedAtMs, state: 'waiting', lastOutcome: undefined } as const;
      const isSelected = event.adapters.some((adapter) => this.#matchesEvent({ adapter, ...waiting }));
      // Without its payload, which would be held in memory for as long as it is not read.
      if (isSelected) this.#add({ kind: 'accepted', event: { ...event, data: new Uint8Array() } });
    }
  }

  recorded(record: RecordedDelivery, place: Positions): void {
    const { adapter, eventId, source, key, state, atMs: acceptedAtMs, attempt } = record;
    const recorded = { adapter, eventId, source, key, state, type: '', acceptedAtMs, lastOutcome: attempt?.outcome };
    if (this.#matchesRecord(recorded)) this.#add({ kind: 'recorded', record, place: new Map(place) });
  }

  /** What was not taken yet, waiting while there is nothing; then how many were left out after it. */
  async drain(): Promise<readonly TailEvent[]> {
    const entries = await this.#queue.drain();
    const missed = this.#missed;
    this.#missed = 0;
    return missed === 0 ? entries : [...entries, { kind: 'missed', count: missed }];
  }

  #add(tailed: TailEvent): void {
    if (!this.#queue.push(tailed)) this.#missed += 1;
  }
}

function namesTypes({ types = [] }: TailFilter): boolean {
  return types.length > 0;
}

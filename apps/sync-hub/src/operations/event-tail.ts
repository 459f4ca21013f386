import type { DeliveryState, RecordedDelivery } from '../core/delivery.ts';
import type { AcceptedEvent } from '../core/event.ts';
import { createMatcher, type DeliveryFilter } from '../journal/delivery-filter.ts';
import type { DeliveryPosition } from '../journal/delivery-page.ts';
import type { Journal } from '../journal/journal.ts';
import type { Clock } from '../lanes/clock.ts';
import { type Happening, TailQueue } from './tail-queue.ts';

export interface EventTailOptions {
  readonly journal: Pick<Journal, 'listDeliveries'>;
  readonly clock: Clock;
}

/** What a person looks on at: times are left out, and empty states mean any. */
export type TailFilter = Omit<DeliveryFilter, 'acceptedFromMs' | 'acceptedToMs'>;

/** Each costs every event a look; so many people look on at once at the most. */
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
 * Lets people look on: at events as they are accepted, and outcomes as they are recorded. Never waits for a reader: one
 * that is slow misses some, and is told how many.
 */
export class EventTail {
  readonly #options: EventTailOptions;
  readonly #readers = new Set<TailReader>();

  constructor(options: EventTailOptions) {
    this.#options = options;
  }

  /** Events that are on disk. */
  accepted(events: readonly AcceptedEvent[]): void {
    for (const reader of this.#readers) reader.accepted(events);
  }

  /** Records that are on disk. */
  recorded(records: readonly RecordedDelivery[]): void {
    for (const reader of this.#readers) reader.recorded(records);
  }

  /**
   * What happens until the signal aborts, after a first nothing that says that it has begun; undefined when as many
   * look on as may.
   */
  watch(filter: TailFilter, signal: AbortSignal): AsyncGenerator<readonly Happening[], void> | undefined {
    if (this.#readers.size >= TAILS_MAX) return undefined;
    return this.#read(filter, signal);
  }

  async *#read(filter: TailFilter, signal: AbortSignal): AsyncGenerator<readonly Happening[], void> {
    const reader = new TailReader(filter);
    this.#readers.add(reader);
    const end = () => reader.queue.close();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      // Says that it has begun.
      yield [];
      for (;;) {
        const taken = await reader.queue.take();
        if (taken.length === 0) return;
        const meant = namesEvents(filter) ? await this.#meant(taken, filter) : taken;
        if (meant.length > 0) yield meant;
      }
    } finally {
      signal.removeEventListener('abort', end);
      this.#readers.delete(reader);
    }
  }

  /** Without the records of events of other types and keys, which a record does not tell. */
  async #meant(taken: readonly Happening[], { types, keys }: TailFilter): Promise<readonly Happening[]> {
    const eventIds = [...new Set(taken.flatMap((entry) => (entry.kind === 'recorded' ? [entry.record.eventId] : [])))];
    if (eventIds.length === 0) return taken;
    const { journal, clock } = this.#options;
    const filter = { eventIds, states: ALL_STATES, ...(types && { types }), ...(keys && { keys }) };
    const startedMs = clock.monotonicMs();
    const meant = new Set<string>();
    let after: DeliveryPosition | undefined;
    do {
      const page = await journal.listDeliveries({ filter, limit: 256, ...(after && { after }) });
      for (const { eventId } of page.deliveries) meant.add(eventId);
      after = page.next;
    } while (after !== undefined);
    const { promise: rested, resolve } = Promise.withResolvers<void>();
    clock.startTimer(REST_PER_LOOKUP * (clock.monotonicMs() - startedMs), resolve);
    await rested;
    return taken.filter((entry) => entry.kind !== 'recorded' || meant.has(entry.record.eventId));
  }
}

/** One who looks on: what of all that happens is meant, as far as it can be told at once. */
class TailReader {
  readonly queue = new TailQueue();
  readonly #matchesEvent: ReturnType<typeof createMatcher>;
  readonly #matchesRecord: ReturnType<typeof createMatcher>;

  constructor({ types, keys, ...filter }: TailFilter) {
    const states = filter.states === undefined || filter.states.length === 0 ? ALL_STATES : filter.states;
    this.#matchesRecord = createMatcher({ ...filter, states });
    this.#matchesEvent = createMatcher({ ...filter, states, ...(types && { types }), ...(keys && { keys }) });
  }

  accepted(events: readonly AcceptedEvent[]): void {
    for (const event of events) {
      const { id: eventId, type, key, acceptedAtMs } = event;
      const waiting = { eventId, type, key, acceptedAtMs, state: 'waiting', lastOutcome: undefined } as const;
      const isMeant = event.adapters.some((adapter) => this.#matchesEvent({ adapter, ...waiting }));
      // Without its payload, which would be held in memory for as long as it is not read.
      if (isMeant) this.queue.put(() => ({ kind: 'accepted', event: { ...event, data: new Uint8Array() } }));
    }
  }

  recorded(records: readonly RecordedDelivery[]): void {
    for (const record of records) {
      const { adapter, eventId, state, atMs, attempt } = record;
      const told = { adapter, eventId, state, type: '', key: '', acceptedAtMs: atMs, lastOutcome: attempt?.outcome };
      if (this.#matchesRecord(told)) this.queue.put(() => ({ kind: 'recorded', record }));
    }
  }
}

function namesEvents({ types = [], keys = [] }: TailFilter): boolean {
  return types.length > 0 || keys.length > 0;
}

/** An event as its publisher sees it. Times are of `performance.now()`. */
export interface LoggedEvent {
  readonly number: number;
  readonly key: string;
  readonly publishedAtMs: number;
  /** Absent until a hub answered that the event is in the journal. */
  accepted?: Acceptance;
  /** When the ack of each adapter came. */
  readonly deliveredAtMs: Map<string, number>;
}

export interface Acceptance {
  /** The name of the hub. */
  readonly by: string;
  readonly atMs: number;
  /** The hubs that got the event before and did not answer. */
  readonly silent: readonly string[];
}

/** Gets what happens as it happens. */
export interface EventListener {
  onAccepted(event: LoggedEvent): void;
  onDelivered(event: LoggedEvent, adapter: string): void;
}

/** All that a publisher knows of its events. */
export class EventLog {
  /** In the order of their numbers, which begin with 1. */
  readonly events: LoggedEvent[] = [];
  /** Those that each event goes to. */
  readonly adapters: readonly string[];
  /** What happens now. */
  chapter = 'start';
  /** Of each chapter: the longest time from publishing an event to the last ack of it that came in this chapter. */
  readonly longestMs = new Map<string, number>();
  readonly #listener: EventListener;
  readonly #waiting = new Set<{ readonly newest: number; readonly resolve: () => void }>();

  constructor(adapters: readonly string[], listener: EventListener) {
    this.adapters = adapters;
    this.#listener = listener;
  }

  /** True while an ack of an accepted event is missing. */
  get isOpen(): boolean {
    return this.#oldestOpen() !== undefined;
  }

  isSettled({ deliveredAtMs }: LoggedEvent): boolean {
    return this.adapters.every((adapter) => deliveredAtMs.has(adapter));
  }

  published(number: number, key: string): void {
    this.events.push({ number, key, publishedAtMs: performance.now(), deliveredAtMs: new Map() });
  }

  accepted(number: number, by: string, silent: readonly string[]): void {
    const event = this.#event(number);
    event.accepted = { by, silent, atMs: performance.now() };
    this.#listener.onAccepted(event);
  }

  delivered(number: number, adapter: string): void {
    const event = this.#event(number);
    if (event.deliveredAtMs.has(adapter)) return;
    const nowMs = performance.now();
    event.deliveredAtMs.set(adapter, nowMs);
    const waitedMs = nowMs - event.publishedAtMs;
    this.longestMs.set(this.chapter, Math.max(this.longestMs.get(this.chapter) ?? 0, waitedMs));
    this.#listener.onDelivered(event, adapter);
    const oldest = this.#oldestOpen() ?? Number.POSITIVE_INFINITY;
    for (const waiter of this.#waiting) if (waiter.newest < oldest) waiter.resolve();
  }

  /** Resolves once no ack is missing of the events that were published until now, or when the time is over. */
  async settled(withinMs: number): Promise<void> {
    const newest = this.events.length;
    if ((this.#oldestOpen() ?? Number.POSITIVE_INFINITY) > newest) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter = { newest, resolve };
    this.#waiting.add(waiter);
    const timer = setTimeout(resolve, withinMs);
    await promise;
    clearTimeout(timer);
    this.#waiting.delete(waiter);
  }

  #oldestOpen(): number | undefined {
    return this.events.find((event) => event.accepted !== undefined && !this.isSettled(event))?.number;
  }

  #event(number: number): LoggedEvent {
    const event = this.events[number - 1];
    if (event === undefined) throw new RangeError(`there is no event ${number}`);
    return event;
  }
}

/** Of an event's id, such as "change-12". */
export function eventNumber(id: string): number {
  return Number(id.slice(id.lastIndexOf('-') + 1));
}

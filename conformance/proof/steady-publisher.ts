import { setTimeout as elapse } from 'node:timers/promises';
import { type Ack, DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import { createSyncClient, type SyncClient } from '../src/sync-client.ts';
import { grpcJs } from '../src/transports/grpc-js.ts';
import type { OrderBook } from './order-book.ts';

/** How often events are handed in. */
const TICK_MS = 10;
const KEYS = 16;
/** What is accepted is delivered long before; later is lost. */
const SETTLE_WITHIN_MS = 120_000;

/** How long one delivery took, from handing its event in to its ack. */
export interface Latency {
  /** When it was handed in, by performance.now(). */
  readonly atMs: number;
  readonly tookMs: number;
}

export interface SteadyPublisherOptions {
  readonly address: string;
  /** Where what is accepted is written down. */
  readonly book: OrderBook;
  /** The lanes whose latencies are measured, and that must get everything. */
  readonly lanes: readonly string[];
  /** Begins the ids of its events: unique in the book. */
  readonly prefix: string;
  readonly eventsPerSecond: number;
}

/** Publishes to a hub at a steady rate through one stream, and measures when each of some lanes acknowledged. */
export class SteadyPublisher {
  readonly latencies: Latency[] = [];
  /** Acks of the other lanes, as they came. */
  readonly otherAcks: Ack[] = [];
  /** Why events were refused; none should be. */
  readonly refusals: string[] = [];
  readonly #options: SteadyPublisherOptions;
  readonly #client: SyncClient;
  readonly #sent: { readonly id: string; readonly key: string; readonly atMs: number }[] = [];
  readonly #atMs = new Map<string, number>();
  readonly #settled = Promise.withResolvers<void>();
  #harm: string[] = [];
  #stopping = false;

  constructor(options: SteadyPublisherOptions) {
    this.#options = options;
    this.#client = createSyncClient(grpcJs.create(options.address));
    void this.#read();
  }

  /** Publishes some events of the type Harm under one key of theirs, in one message. @returns their ids */
  publishHarm(count: number): readonly string[] {
    const ids = Array.from({ length: count }, (_, index) => `${this.#options.prefix}-harm-${index}`);
    this.#harm.push(...ids);
    return ids;
  }

  /** Ends the publishing and waits for the lanes. @returns the deliveries that they did not acknowledge in time */
  async stop(): Promise<number> {
    this.#stopping = true;
    if (this.#missing === 0) this.#settled.resolve();
    await Promise.race([this.#settled.promise, elapse(SETTLE_WITHIN_MS, undefined, { ref: false })]);
    this.#client.close();
    return this.#missing;
  }

  /** Deliveries of what was sent that the lanes did not acknowledge yet. */
  get #missing(): number {
    return this.#sent.length * this.#options.lanes.length - this.latencies.length;
  }

  async #read(): Promise<void> {
    try {
      for await (const { results, acks } of this.#client.publishStream(this.#requests())) {
        for (const { index, result } of results) {
          const { id, key } = this.#sent[Number(index)] ?? { id: '', key: '' };
          if (result.case === 'accepted') this.#options.book.add(id, key);
          else this.refusals.push(result.case === 'refused' ? result.value.message : 'no result');
        }
        for (const ack of acks) this.#take(ack);
        if (this.#stopping && this.#missing === 0) this.#settled.resolve();
      }
    } catch (error) {
      if (!this.#stopping) this.refusals.push(String(error));
    }
    this.#settled.resolve();
  }

  #take(ack: Ack): void {
    if (!this.#options.lanes.includes(ack.adapter)) this.otherAcks.push(ack);
    else if (ack.state === DeliveryState.DELIVERED) {
      const atMs = this.#atMs.get(ack.eventId) ?? Number.NaN;
      this.latencies.push({ atMs, tookMs: performance.now() - atMs });
    }
  }

  async *#requests() {
    const startedAtMs = performance.now();
    for (let made = 0; !this.#stopping; await elapse(TICK_MS)) {
      const nowMs = performance.now();
      const due = Math.floor(((nowMs - startedAtMs) / 1_000) * this.#options.eventsPerSecond) - made;
      const steady = Array.from({ length: due }, (_, index) => ({
        id: `${this.#options.prefix}-${made + index}`,
        key: `process-${(made + index) % KEYS}`,
        type: 'ProcessUpdated',
      }));
      made += due;
      const events = [...this.#harm.splice(0).map((id) => ({ id, key: 'harm', type: 'Harm' })), ...steady];
      for (const { id, key } of events) {
        this.#sent.push({ id, key, atMs: nowMs });
        this.#atMs.set(id, nowMs);
      }
      if (events.length > 0) yield { events };
    }
    // The stream is open until the last ack has come.
    await this.#settled.promise;
  }
}

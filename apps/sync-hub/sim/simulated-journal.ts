import type { DeliveryRecord, OpenDelivery } from '../src/core/delivery.ts';
import type { SyncEvent } from '../src/core/event.ts';
import type { FetchEffect } from '../src/core/lane.ts';
import type { FetchResult } from '../src/journal/journal.ts';
import { applyRequest } from '../src/journal/memory/apply-request.ts';
import { type DeliveryOnDisk, MemoryDisk } from '../src/journal/memory/memory-disk.ts';
import type { JournalRequest } from '../src/journal/request.ts';

const ADAPTER = { id: 'billing', version: '1.0.0' };

/** Something that one commit made true, in the order in which it is told. */
export type Told =
  | { readonly kind: 'accepted'; readonly delivery: OpenDelivery }
  | { readonly kind: 'recorded'; readonly seq: number }
  | { readonly kind: 'fetched'; readonly effect: FetchEffect; readonly result: FetchResult };

interface Queued {
  readonly request: JournalRequest;
  /** Of a fetch: what asked for it. */
  readonly effect?: FetchEffect;
}

/**
 * A journal whose commits are made by hand, on top of the memory journal's disk. What is queued when the process dies
 * is lost; what was committed stays.
 */
export class SimulatedJournal {
  readonly adapter = ADAPTER;
  readonly disk = new MemoryDisk();
  #queue: Queued[] = [];

  get queued(): number {
    return this.#queue.length;
  }

  get lastSeq(): number {
    return this.disk.events.length;
  }

  get deliveries(): readonly DeliveryInJournal[] {
    return this.disk.events.map(({ event, deliveries }) => ({ event, ...onlyDelivery(deliveries) }));
  }

  /** One delivery as it is on disk. */
  delivery(seq: number): DeliveryInJournal {
    const stored = this.disk.events[seq - 1];
    if (stored === undefined) throw new Error(`there is no event ${seq}`);
    return { event: stored.event, ...onlyDelivery(stored.deliveries) };
  }

  accept(event: SyncEvent, acceptedAtMs: number): void {
    const contentHash = new Uint8Array();
    const accept = { event, contentHash, acceptedAtMs, adapters: [ADAPTER.id] };
    this.#queue.push({ request: { kind: 'accept', accept } });
  }

  record(record: DeliveryRecord): void {
    this.#queue.push({ request: { kind: 'record', record } });
  }

  fetch(effect: FetchEffect): void {
    const { afterSeq, overflowOf, limit, limitBytes } = effect;
    const fetch = { adapter: ADAPTER.id, afterSeq, limit, limitBytes, ...overflowOf };
    this.#queue.push({ request: { kind: 'fetchOpen', fetch }, effect });
  }

  /** Commits the oldest requests. */
  commit(count: number): readonly Told[] {
    return this.#queue.splice(0, count).map((queued) => this.#apply(queued));
  }

  /** The process dies: what was not committed never was. */
  loseQueued(): void {
    this.#queue = [];
  }

  #apply({ request, effect }: Queued): Told {
    const answer = applyRequest(this.disk, request);
    if (request.kind === 'record') return { kind: 'recorded', seq: request.record.seq };
    if (effect !== undefined) return { kind: 'fetched', effect, result: answer as FetchResult };
    const { event } = this.delivery(answer as number);
    return {
      kind: 'accepted',
      delivery: { event, cycle: 1, attempts: 0, spent: 0, crashes: 0, notBeforeMs: 0 },
    };
  }
}

export type DeliveryInJournal = DeliveryOnDisk & { readonly event: OpenDelivery['event'] };

/** True once nothing more happens to it. */
export function isSettled({ state }: DeliveryInJournal): boolean {
  return state !== 'waiting' && state !== 'retrying';
}

function onlyDelivery(deliveries: ReadonlyMap<string, DeliveryOnDisk>): DeliveryOnDisk {
  const delivery = deliveries.get(ADAPTER.id);
  if (delivery === undefined) throw new Error('the simulation has one adapter');
  return delivery;
}

import type { DeliveryRecord, OpenDelivery, ReopenedDelivery } from '../../src/core/delivery.ts';
import type { SyncEvent } from '../../src/core/event.ts';
import type { FetchEffect, LookUpEffect } from '../../src/core/lane-effect.ts';
import type { DiscardResult } from '../../src/journal/dead-letter.ts';
import type { FetchResult } from '../../src/journal/journal.ts';
import { applyRequest } from '../../src/journal/memory/apply-request.ts';
import { type DeliveryOnDisk, MemoryDisk } from '../../src/journal/memory/memory-disk.ts';
import type { JournalAnswers, JournalRequest } from '../../src/journal/request.ts';
import { replayStep } from '../replay.ts';

const ADAPTER = { id: 'billing', version: '1.0.0' };

/** Something that one commit made true, or read. */
export type Told =
  | { readonly kind: 'accepted'; readonly delivery: OpenDelivery }
  | { readonly kind: 'recorded'; readonly seq: number }
  | { readonly kind: 'dead_letter_discarded'; readonly seq: number }
  | ({ readonly kind: 'reopened' } & Pick<ReopenedDelivery, 'delivery' | 'mayFollowNewer'>)
  | { readonly kind: 'fetched'; readonly effect: FetchEffect; readonly result: FetchResult }
  | { readonly kind: 'looked_up'; readonly effect: LookUpEffect; readonly delivery: OpenDelivery | undefined }
  | { readonly kind: 'nothing' };

interface Queued {
  readonly request: JournalRequest;
  /** What it is told as. */
  readonly tell: (answer: unknown) => Told;
}

/**
 * A journal whose commits are made by hand, on top of the memory journal's disk. What is queued when the process dies
 * is lost; what was committed stays.
 */
export class SimulatedJournal {
  readonly adapter = ADAPTER;
  readonly disk = new MemoryDisk();
  #queue: Queued[] = [];
  /** Of the last commit. */
  #deliveries: readonly DeliveryInJournal[] = [];

  get queued(): number {
    return this.#queue.length;
  }

  get lastSeq(): number {
    return this.disk.events.length;
  }

  get deliveries(): readonly DeliveryInJournal[] {
    return this.#deliveries;
  }

  get deadLetters(): readonly DeliveryInJournal[] {
    return this.deliveries.filter(({ state }) => state === 'dead_lettered');
  }

  /** One delivery as it is on disk. */
  delivery(seq: number): DeliveryInJournal {
    const delivery = this.#deliveries[seq - 1];
    if (delivery === undefined) throw new Error(`there is no event ${seq}`);
    return delivery;
  }

  accept(event: SyncEvent, acceptedAtMs: number): void {
    const accept = { event, contentHash: new Uint8Array(), acceptedAtMs, adapters: [ADAPTER.id] };
    const counts = { cycle: 1, attempts: 0, spent: 0, crashes: 0, notBeforeMs: 0 };
    this.#add({ kind: 'accept', accept }, (answer) => ({
      kind: 'accepted',
      delivery: { event: this.delivery(answer as number).event, ...counts, asOfMs: acceptedAtMs },
    }));
  }

  record(record: DeliveryRecord): void {
    this.#add({ kind: 'record', record }, () => ({ kind: 'recorded', seq: record.seq }));
  }

  fetch(effect: FetchEffect): void {
    const { afterSeq, of, limit, limitBytes } = effect;
    const { kind: _, ...bounds } = of;
    const fetch = { adapter: ADAPTER.id, afterSeq, limit, limitBytes, ...bounds };
    const tell = (answer: unknown): Told => ({ kind: 'fetched', effect, result: answer as FetchResult });
    this.#add({ kind: 'fetchOpen', fetch }, tell);
  }

  lookUp(effect: LookUpEffect): void {
    const { seq } = effect;
    const fetch = { adapter: ADAPTER.id, afterSeq: seq - 1, upToSeq: seq, limit: 1, limitBytes: 0 };
    this.#add({ kind: 'fetchOpen', fetch }, (answer) => {
      return { kind: 'looked_up', effect, delivery: (answer as FetchResult).deliveries[0] };
    });
  }

  /** A person sends a dead letter again: a replay job of one step. */
  replay({ id }: Pick<OpenDelivery['event'], 'id'>, request: { atMs: number; includeStale: boolean }): void {
    const step = replayStep({ eventIds: [id], adapters: [ADAPTER.id] }, request);
    this.#add({ kind: 'stepReplay', step }, (answer) => {
      const [reopened] = (answer as JournalAnswers['stepReplay']).reopened;
      return reopened === undefined ? { kind: 'nothing' } : { kind: 'reopened', ...reopened };
    });
  }

  /** A person gives a dead letter up. */
  discard(seq: number, atMs: number): void {
    const discard = { adapter: ADAPTER.id, seq, atMs, reason: 'by the simulation' };
    this.#add({ kind: 'discard', discard }, (answer) => {
      const isDone = (answer as DiscardResult).kind === 'discarded';
      return isDone ? { kind: 'dead_letter_discarded', seq } : { kind: 'nothing' };
    });
  }

  /** Commits the oldest requests; what they made true comes in the order in which a journal tells it. */
  commit(count: number): readonly Told[] {
    const answered = this.#queue.splice(0, count).map(({ request, tell }) => {
      const answer = applyRequest(this.disk, request);
      return { answer, tell };
    });
    this.#deliveries = this.disk.events.map(({ event, deliveries }) => ({ event, ...onlyDelivery(deliveries) }));
    const told = answered.map(({ answer, tell }) => tell(answer));
    return told.sort((left, right) => ORDER[left.kind] - ORDER[right.kind]);
  }

  /** The process dies: what was not committed never was. */
  loseQueued(): void {
    this.#queue = [];
  }

  #add(request: JournalRequest, tell: Queued['tell']): void {
    this.#queue.push({ request, tell });
  }
}

const ORDER: Readonly<Record<Told['kind'], number>> = {
  accepted: 0,
  recorded: 1,
  dead_letter_discarded: 1,
  reopened: 1,
  fetched: 2,
  looked_up: 2,
  nothing: 3,
};

export type DeliveryInJournal = DeliveryOnDisk & { readonly event: OpenDelivery['event'] };

/** True once nothing more happens to it, unless a person sends it again. */
export function isSettled({ state }: Pick<DeliveryInJournal, 'state'>): boolean {
  return state !== 'waiting' && state !== 'retrying';
}

function onlyDelivery(deliveries: ReadonlyMap<string, DeliveryOnDisk>): DeliveryOnDisk {
  const delivery = deliveries.get(ADAPTER.id);
  if (delivery === undefined) throw new Error('the simulation has one adapter');
  return delivery;
}

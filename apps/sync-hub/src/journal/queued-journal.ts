import type { DeliveryRecord } from '../core/delivery.ts';
import type { DeadLetterOfKey } from '../core/held-keys.ts';
import type { DiscardRequest, DiscardResult } from './dead-letter.ts';
import type { DeliveryFilter } from './delivery-filter.ts';
import type { DeliveryPage, DeliveryPosition, ListDeliveriesRequest } from './delivery-page.ts';
import {
  type AcceptRequest,
  type AcceptResult,
  type BackupResult,
  type DeliveryTotals,
  type FetchRequest,
  type FetchResult,
  type Journal,
  JournalError,
  type JournalInfo,
  type JournalStatistics,
  type ReadRecordsRequest,
  type ReadRecordsResult,
  type StoredBreaker,
  type StoredEvent,
  type StoredLane,
} from './journal.ts';
import type { PendingRequests } from './pending-requests.ts';
import type { ReplayJob } from './replay-job.ts';
import type { ReplayStepRequest, ReplayStepResult } from './replay-step.ts';
import type { AnsweredKind, JournalAnswers, JournalRequest } from './request.ts';
import type { PruneRequest, PruneResult } from './retention.ts';

/**
 * The side of a journal that has the disk. Takes requests in order, makes them durable, and gives their answers, in
 * the same order, to {@link PendingRequests}; tells it when writing fails.
 */
export interface JournalBackend {
  submit(request: JournalRequest): void;
  /** Goes on beside the requests. Rejects with a JournalError when the journal ends before it is done. */
  backup(targetPath: string): Promise<BackupResult>;
  /** Resolves once all that was submitted is answered and the files are let go. Called once. */
  close(): Promise<void>;
}

export interface QueuedJournalOptions {
  readonly info: JournalInfo;
  readonly pending: PendingRequests;
  readonly backend: JournalBackend;
}

/** The port as a queue of requests in front of a backend. */
export class QueuedJournal implements Journal {
  readonly info: JournalInfo;
  readonly #pending: PendingRequests;
  readonly #backend: JournalBackend;
  #closing: Promise<void> | undefined;

  constructor(options: QueuedJournalOptions) {
    this.info = options.info;
    this.#pending = options.pending;
    this.#backend = options.backend;
  }

  accept(accept: AcceptRequest): Promise<AcceptResult> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      this.#pending.add({ kind: 'accept', accept, resolve, reject });
      this.#backend.submit({ kind: 'accept', accept });
    });
  }

  record(record: DeliveryRecord): void {
    if (this.#refusal() !== undefined) return;
    const request = { kind: 'record', record } as const;
    this.#pending.add(request);
    this.#backend.submit(request);
  }

  saveBreaker(breaker: StoredBreaker): void {
    if (this.#refusal() !== undefined) return;
    this.#pending.add({ kind: 'saveBreaker' });
    this.#backend.submit({ kind: 'saveBreaker', breaker });
  }

  fetchOpen(fetch: FetchRequest): Promise<FetchResult> {
    return this.#ask({ kind: 'fetchOpen', fetch });
  }

  readEvent(id: string): Promise<StoredEvent | undefined> {
    return this.#ask({ kind: 'readEvent', id });
  }

  readRecords(read: ReadRecordsRequest): Promise<ReadRecordsResult> {
    return this.#ask({ kind: 'readRecords', read });
  }

  readBreakers(): Promise<readonly StoredBreaker[]> {
    return this.#ask({ kind: 'readBreakers' });
  }

  countDeliveries(): Promise<readonly DeliveryTotals[]> {
    return this.#ask({ kind: 'countDeliveries' });
  }

  listDeliveries(list: ListDeliveriesRequest): Promise<DeliveryPage> {
    return this.#ask({ kind: 'listDeliveries', list });
  }

  async countDeliveriesOf(filter: DeliveryFilter): Promise<number> {
    let total = 0;
    let after: DeliveryPosition | undefined;
    do {
      const { count, next } = await this.#ask({ kind: 'countSome', filter, after });
      total += count;
      after = next;
    } while (after !== undefined);
    return total;
  }

  stepReplay(step: ReplayStepRequest): Promise<ReplayStepResult> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      this.#pending.add({ kind: 'stepReplay', resolve, reject });
      this.#backend.submit({ kind: 'stepReplay', step });
    });
  }

  discard(discard: DiscardRequest): Promise<DiscardResult> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      this.#pending.add({ kind: 'discard', resolve, reject });
      this.#backend.submit({ kind: 'discard', discard });
    });
  }

  readDeadLetterKeys(adapter: string): Promise<readonly DeadLetterOfKey[]> {
    return this.#ask({ kind: 'readDeadLetterKeys', adapter });
  }

  saveJob(job: ReplayJob): Promise<void> {
    return this.#ask({ kind: 'saveJob', job });
  }

  readJobs(): Promise<readonly ReplayJob[]> {
    return this.#ask({ kind: 'readJobs' });
  }

  saveLanePause(lane: StoredLane): Promise<void> {
    return this.#ask({ kind: 'saveLanePause', lane });
  }

  readLanes(): Promise<readonly StoredLane[]> {
    return this.#ask({ kind: 'readLanes' });
  }

  prune(prune: PruneRequest): Promise<PruneResult> {
    return this.#ask({ kind: 'prune', prune });
  }

  backup(targetPath: string): Promise<BackupResult> {
    const refusal = this.#refusal();
    return refusal === undefined ? this.#backend.backup(targetPath) : Promise.reject(refusal);
  }

  readStatistics(): Promise<JournalStatistics> {
    return this.#ask({ kind: 'readStatistics' });
  }

  close(): Promise<void> {
    this.#closing ??= this.#backend.close();
    return this.#closing;
  }

  #ask<Kind extends AnsweredKind>(request: JournalRequest & { kind: Kind }): Promise<JournalAnswers[Kind]> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      this.#pending.add({
        kind: 'other',
        // The backend answers a request with its own kind's answer.
        resolve: (answer) => resolve(answer as JournalAnswers[Kind]),
        reject,
      });
      this.#backend.submit(request);
    });
  }

  #refusal(): JournalError | undefined {
    if (this.#closing !== undefined) return new JournalError('CLOSED', `${this.info.location} was closed before.`);
    return this.#pending.failure;
  }
}

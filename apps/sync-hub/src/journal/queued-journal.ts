import type { DeliveryRecord } from '../core/delivery.ts';
import {
  type AcceptRequest,
  type AcceptResult,
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
} from './journal.ts';
import type { PendingRequests } from './pending-requests.ts';
import type { JournalAnswers, JournalRequest, ReadRequest } from './request.ts';

/**
 * The side of a journal that has the disk. Takes requests in order, makes them durable, and gives their answers, in
 * the same order, to {@link PendingRequests}; tells it when writing fails.
 */
export interface JournalBackend {
  submit(request: JournalRequest): void;
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
    return this.#read({ kind: 'fetchOpen', fetch });
  }

  readEvent(id: string): Promise<StoredEvent | undefined> {
    return this.#read({ kind: 'readEvent', id });
  }

  readRecords(read: ReadRecordsRequest): Promise<ReadRecordsResult> {
    return this.#read({ kind: 'readRecords', read });
  }

  readBreakers(): Promise<readonly StoredBreaker[]> {
    return this.#read({ kind: 'readBreakers' });
  }

  countDeliveries(): Promise<readonly DeliveryTotals[]> {
    return this.#read({ kind: 'countDeliveries' });
  }

  readStatistics(): Promise<JournalStatistics> {
    return this.#read({ kind: 'readStatistics' });
  }

  close(): Promise<void> {
    this.#closing ??= this.#backend.close();
    return this.#closing;
  }

  #read<Kind extends ReadRequest['kind']>(request: ReadRequest & { kind: Kind }): Promise<JournalAnswers[Kind]> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      this.#pending.add({
        kind: 'read',
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

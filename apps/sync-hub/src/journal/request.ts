import type { DeliveryRecord } from '../core/delivery.ts';
import type { AcceptedEvent } from '../core/event.ts';
import type {
  AcceptRequest,
  DeliveryTotals,
  FetchRequest,
  FetchResult,
  JournalStatistics,
  ReadRecordsRequest,
  ReadRecordsResult,
  StoredBreaker,
  StoredEvent,
} from './journal.ts';

/** One call of the port as data: queued, sent to the disk's side, and answered in the same order. */
export type JournalRequest =
  | { readonly kind: 'accept'; readonly accept: AcceptRequest }
  | { readonly kind: 'record'; readonly record: DeliveryRecord }
  | { readonly kind: 'saveBreaker'; readonly breaker: StoredBreaker }
  | ReadRequest;

export type ReadRequest =
  | { readonly kind: 'fetchOpen'; readonly fetch: FetchRequest }
  | { readonly kind: 'readEvent'; readonly id: string }
  | { readonly kind: 'readRecords'; readonly read: ReadRecordsRequest }
  | { readonly kind: 'readBreakers' }
  | { readonly kind: 'countDeliveries' }
  | { readonly kind: 'readStatistics' };

/** What each kind of request is answered with once it is on disk. */
export interface JournalAnswers {
  /** The seq of a new event: the asking side has the rest of it and need not get it back. */
  readonly accept: number | DuplicateEvent | 'conflict' | 'full';
  /** The cursor. */
  readonly record: number;
  readonly saveBreaker: undefined;
  readonly fetchOpen: FetchResult;
  readonly readEvent: StoredEvent | undefined;
  readonly readRecords: ReadRecordsResult;
  readonly readBreakers: readonly StoredBreaker[];
  readonly countDeliveries: readonly DeliveryTotals[];
  readonly readStatistics: JournalStatistics;
}

/** The event that was accepted first under the id. */
export interface DuplicateEvent {
  readonly event: AcceptedEvent;
  readonly lastCursor: number;
}

export type JournalAnswer = JournalAnswers[keyof JournalAnswers];
export type ReadAnswer = JournalAnswers[ReadRequest['kind']];

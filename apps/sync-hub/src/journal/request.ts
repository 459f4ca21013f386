import type { DeliveryRecord } from '../core/delivery.ts';
import type { AcceptedEvent } from '../core/event.ts';
import type { DeadLetterOfKey } from '../core/held-keys.ts';
import type { DiscardRequest, DiscardResult } from './dead-letter.ts';
import type { DeliveryFilter } from './delivery-filter.ts';
import type { DeliveryCount, DeliveryPage, DeliveryPosition, ListDeliveriesRequest } from './delivery-page.ts';
import type {
  AcceptRequest,
  DeliveryTotals,
  FetchRequest,
  FetchResult,
  FullDisk,
  JournalStatistics,
  ReadRecordsRequest,
  ReadRecordsResult,
  StoredBreaker,
  StoredEvent,
  StoredLane,
} from './journal.ts';
import type { ReplayJob } from './replay-job.ts';
import type { ReplayStepRequest, TakenReplayStep } from './replay-step.ts';
import type { PruneRequest, PruneResult } from './retention.ts';

/** One call of the port as data: queued, sent to the disk's side, and answered in the same order. */
export type JournalRequest = WriteRequest | ReadRequest;

export type WriteRequest =
  | { readonly kind: 'accept'; readonly accept: AcceptRequest }
  | { readonly kind: 'record'; readonly record: DeliveryRecord }
  | { readonly kind: 'saveBreaker'; readonly breaker: StoredBreaker }
  | { readonly kind: 'stepReplay'; readonly step: ReplayStepRequest }
  | { readonly kind: 'discard'; readonly discard: DiscardRequest }
  | { readonly kind: 'saveJob'; readonly job: ReplayJob }
  | { readonly kind: 'saveLanePause'; readonly lane: StoredLane }
  | { readonly kind: 'prune'; readonly prune: PruneRequest };

export type ReadRequest =
  | { readonly kind: 'fetchOpen'; readonly fetch: FetchRequest }
  | { readonly kind: 'readEvent'; readonly id: string }
  | { readonly kind: 'readRecords'; readonly read: ReadRecordsRequest }
  | { readonly kind: 'readBreakers' }
  | { readonly kind: 'countDeliveries' }
  | { readonly kind: 'listDeliveries'; readonly list: ListDeliveriesRequest }
  | { readonly kind: 'countSome'; readonly filter: DeliveryFilter; readonly after: DeliveryPosition | undefined }
  | { readonly kind: 'readDeadLetterKeys'; readonly adapter: string }
  | { readonly kind: 'readJobs' }
  | { readonly kind: 'readLanes' }
  | { readonly kind: 'readStatistics' };

/** What each kind of request is answered with once it is on disk. */
export interface JournalAnswers {
  /** The seq of a new event: the asking side has the rest of it and need not get it back. */
  readonly accept: number | DuplicateEvent | 'conflict' | FullDisk;
  /** The cursor. */
  readonly record: number;
  readonly saveBreaker: undefined;
  readonly stepReplay: TakenReplayStep;
  readonly discard: DiscardResult;
  readonly saveJob: undefined;
  readonly saveLanePause: undefined;
  readonly prune: PruneResult;
  readonly fetchOpen: FetchResult;
  readonly readEvent: StoredEvent | undefined;
  readonly readRecords: ReadRecordsResult;
  readonly readBreakers: readonly StoredBreaker[];
  readonly countDeliveries: readonly DeliveryTotals[];
  readonly listDeliveries: DeliveryPage;
  readonly countSome: DeliveryCount;
  readonly readDeadLetterKeys: readonly DeadLetterOfKey[];
  readonly readJobs: readonly ReplayJob[];
  readonly readLanes: readonly StoredLane[];
  readonly readStatistics: JournalStatistics;
}

/** The event that was accepted first under the id. */
export interface DuplicateEvent {
  readonly event: AcceptedEvent;
  readonly lastCursor: number;
}

export type JournalAnswer = JournalAnswers[keyof JournalAnswers];

/** The kinds whose answer goes as it is to whoever asked. */
export type AnsweredKind = Exclude<keyof JournalAnswers, 'accept' | 'record' | 'saveBreaker'>;

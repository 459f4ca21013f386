import type {
  DeliveryCounts,
  DeliveryRecord,
  DeliveryState,
  OpenDelivery,
  RecordedDelivery,
  ReopenedDelivery,
} from '../core/delivery.ts';
import type { AcceptedEvent, SyncEvent } from '../core/event.ts';
import type { DeadLetterOfKey } from '../core/held-keys.ts';
import type { DiscardRequest, DiscardResult } from './dead-letter.ts';
import type { DeliveryFilter } from './delivery-filter.ts';
import type { DeliveryPage, ListDeliveriesRequest } from './delivery-page.ts';
import type { ReplayJob } from './replay-job.ts';
import type { ReplayStepRequest, ReplayStepResult } from './replay-step.ts';
import type { PruneRequest, PruneResult } from './retention.ts';

/**
 * The durable record of events, deliveries and outcomes. It is the one truth: nothing is told to anybody before it
 * stands here.
 *
 * What every implementation keeps, and journal.suite.ts checks:
 * - Requests take effect in the order in which they were made, and each is all or nothing.
 * - A promise resolves, and an observer is called, only after the change is on disk (fsync returned).
 * - Observers are called in commit order, synchronously one after the other, before the promises of the same commit;
 *   within a commit the events first, then what was recorded and reopened, in the order of the requests: whoever hears
 *   that a delivery is open again has heard of all that was true when that was decided, and of nothing later.
 * - An error while writing is fatal: `onFatal` is called once, every open and later promise rejects with
 *   {@link JournalError} FAILED, and nothing is retried. So is damage that is found while reading: UNREADABLE. Only a full disk is not: it refuses new events (`full`).
 * - What is recorded or saved without a promise once it failed or was closed is dropped: a delivery is then attempted
 *   again after the next start.
 */
export interface Journal {
  readonly info: JournalInfo;

  /** Takes an event with one delivery for each adapter, in one transaction; many of these share one fsync. */
  accept(request: AcceptRequest): Promise<AcceptResult>;

  /**
   * Adds a step to a delivery's life. Told to the observer once on disk. A lane makes at most one such request for
   * a delivery at a time. A delivery that does not exist is an error of the caller, and fatal.
   */
  record(record: DeliveryRecord): void;

  /** Deliveries of one adapter that are not settled, in the order of acceptance. */
  fetchOpen(request: FetchRequest): Promise<FetchResult>;

  /**
   * One event by its id with its deliveries in alphabetical order of the adapters; undefined when unknown. Of what is
   * recorded of them it has the newest, at most {@link READ_RECORDS_MAX}: what it costs does not grow with an outage.
   */
  readEvent(id: string): Promise<StoredEvent | undefined>;

  /** Records from a place on, in the order of their cursors. */
  readRecords(request: ReadRecordsRequest): Promise<ReadRecordsResult>;

  /** Keeps the latest state of an adapter's breaker, so that it survives a restart. */
  saveBreaker(breaker: StoredBreaker): void;

  /** What is kept about breakers, in alphabetical order of the adapters; read once at start. */
  readBreakers(): Promise<readonly StoredBreaker[]>;

  /** Of each adapter that ever had a delivery, in alphabetical order: how many are not settled, and how many are dead. */
  countDeliveries(): Promise<readonly DeliveryTotals[]>;

  /** Deliveries that match a filter, newest first, a page at a time. */
  listDeliveries(request: ListDeliveriesRequest): Promise<DeliveryPage>;

  /**
   * How many deliveries match a filter. Counted in steps between which others are served: what changes meanwhile is
   * counted as it was or as it is, but nothing twice.
   */
  countDeliveriesOf(filter: DeliveryFilter): Promise<number>;

  /**
   * Goes on with a replay job: looks at some of its dead letters, begins a new cycle of those that it sends, and keeps
   * how far it is, all in one transaction. So a crash neither sends one twice nor leaves one out.
   */
  stepReplay(request: ReplayStepRequest): Promise<ReplayStepResult>;

  /** Gives a dead letter up, for good. */
  discard(request: DiscardRequest): Promise<DiscardResult>;

  /**
   * The dead letters of an adapter whose events have a key, oldest first: what holds its keys under
   * `onDeadLetter: hold`. Read once at start, over one index, about a million a second.
   */
  readDeadLetterKeys(adapter: string): Promise<readonly DeadLetterOfKey[]>;

  /** Keeps a replay job as it stands, over a restart. Resolves once it is on disk. */
  saveJob(job: ReplayJob): Promise<void>;

  /** The jobs that are kept, oldest first. */
  readJobs(): Promise<readonly ReplayJob[]>;

  /** Keeps whether a person paused a lane, over a restart. Resolves once it is on disk. */
  saveLanePause(lane: StoredLane): Promise<void>;

  /** The lanes that are paused, in alphabetical order of the adapters. */
  readLanes(): Promise<readonly StoredLane[]>;

  /** Deletes settled events that have had their time, in small steps. An id is known as long as its event is kept. */
  prune(request: PruneRequest): Promise<PruneResult>;

  /** Copies the journal, while it is in use, with all that was accepted before, to a file that is not there yet. */
  backup(targetPath: string): Promise<BackupResult>;

  /** Sizes and times for the health RPC. */
  readStatistics(): Promise<JournalStatistics>;

  /** Finishes what was requested and lets go of the files. Later requests reject with CLOSED. Idempotent. */
  close(): Promise<void>;
}

/** Facts that hold from opening to closing. */
export interface JournalInfo {
  /** Names this journal in cursors: 8 characters of 0-9 and a-f, made once when it was created. */
  readonly id: string;
  /** For people: "sqlite:/var/lib/hms-sync/journal.db". */
  readonly location: string;
  /** The newest event and record when it was opened; 0 when there is none. */
  readonly lastSeq: number;
  readonly lastCursor: number;
}

/** Told of everything that reached the disk. Must not throw. */
export interface JournalObserver {
  /** New events, in the order of acceptance. Duplicates are not told. */
  accepted(events: readonly AcceptedEvent[]): void;
  /** New records, in the order of their cursors; those of one commit may come in parts. */
  recorded(records: readonly RecordedDelivery[]): void;
  /** Dead letters that are open again, in the order of the requests. */
  reopened(deliveries: readonly ReopenedDelivery[]): void;
}

export interface AcceptRequest {
  readonly event: SyncEvent;
  /** SHA-256 over what the publisher said, 32 bytes: the same id with another hash is a conflict. */
  readonly contentHash: Uint8Array;
  readonly acceptedAtMs: number;
  /** The adapters it goes to, by id, without repeats, in alphabetical order. */
  readonly adapters: readonly string[];
}

export type AcceptResult =
  /** It is new and on disk. lastCursor: every record of it comes after this place. */
  | { readonly kind: 'accepted'; readonly event: AcceptedEvent; readonly lastCursor: number }
  /** The same content was accepted before, as this event. lastCursor: every record of it comes after this place. */
  | { readonly kind: 'duplicate'; readonly event: AcceptedEvent; readonly lastCursor: number }
  /** Other content was accepted before under this id. Nothing was changed. */
  | { readonly kind: 'conflict' }
  /** There is no room on the disk. Nothing was changed. */
  | FullDisk;

export interface FullDisk {
  readonly kind: 'full';
  /** Free on the disk when that was found. */
  readonly freeBytes: number;
  /** Kept free for what is still written of events that were accepted before. */
  readonly reserveBytes: number;
}

export interface FetchRequest {
  readonly adapter: string;
  /** Only later ones than this. */
  readonly afterSeq: number;
  /** Only up to this one; absent: all. */
  readonly upToSeq?: number;
  /** Only of this key; absent: of all keys. */
  readonly key?: string;
  /** At most so many, and only while their payloads together stay within limitBytes (but at least one). */
  readonly limit: number;
  readonly limitBytes: number;
}

export interface FetchResult {
  readonly deliveries: readonly OpenDelivery[];
  /**
   * Everything up to this seq was looked at: the last delivery's when a limit was met, else upToSeq or the newest,
   * whichever is lower. Never below afterSeq.
   */
  readonly scannedToSeq: number;
}

/**
 * Records that are read with an event, an equal share for each of its deliveries: a few milliseconds of the journal's
 * time. Most deliveries have one; one that was attempted through weeks of an outage may have a hundred thousand.
 */
export const READ_RECORDS_MAX = 256;

/** How many records are read of each delivery of an event with so many: its share of {@link READ_RECORDS_MAX}. */
export function readRecordsShare(deliveries: number): number {
  return Math.max(1, Math.floor(READ_RECORDS_MAX / deliveries));
}

/** An event with what is known of it. */
export interface StoredEvent {
  readonly event: AcceptedEvent;
  readonly deliveries: readonly StoredDelivery[];
}

export interface StoredDelivery extends DeliveryCounts {
  readonly adapter: string;
  /** `waiting` until something is recorded. */
  readonly state: DeliveryState;
  /** The newest of its records of all cycles, oldest first: at most {@link readRecordsShare} of them. */
  readonly records: readonly RecordedDelivery[];
  /** True when it has older records, which are left out. How many they are is not counted. */
  readonly hasOlderRecords: boolean;
}

export interface ReadRecordsRequest {
  /** Only later ones than this. */
  readonly afterCursor: number;
  /** At most so many. */
  readonly limit: number;
}

export interface ReadRecordsResult {
  readonly records: readonly RecordedDelivery[];
  /** Everything up to this place was looked at: the last record's when the limit was met, else the newest. */
  readonly scannedToCursor: number;
}

/** An adapter's breaker as it last was. Times in milliseconds since 1970 by the hub's clock. */
export interface StoredBreaker {
  readonly adapter: string;
  readonly state: 'closed' | 'open' | 'half_open';
  readonly sinceMs: number;
  readonly cause: string;
}

/** What a person decided about an adapter's lane. */
export interface StoredLane {
  readonly adapter: string;
  /** Undefined: it is not paused. */
  readonly pause: { readonly reason: string; readonly sinceMs: number } | undefined;
}

export interface DeliveryTotals {
  readonly adapter: string;
  readonly unsettled: number;
  readonly deadLetters: number;
}

export type BackupResult =
  /** It stands, is on disk, and can be put in the place of a journal. */
  | { readonly kind: 'done'; readonly path: string; readonly sizeBytes: number }
  /** There is no new file. The reason is a sentence for people. */
  | { readonly kind: 'refused'; readonly reason: string };

export interface JournalStatistics {
  readonly sizeBytes: number;
  /** The median of the last commits, up to 128 of them; undefined before the first. */
  readonly commitLatencyMs: number | undefined;
  /** Of each adapter with deliveries that are not settled, in alphabetical order. */
  readonly waiting: readonly WaitingStatistics[];
}

export interface WaitingStatistics {
  readonly adapter: string;
  readonly unsettled: number;
  /** When the first accepted of them was accepted, whatever holds it. */
  readonly oldestAcceptedAtMs: number;
  /** Those of them with an earlier dead letter of their key. May be some seconds old when they are many. */
  readonly behindDeadLetters: number;
}

/** Why a journal cannot be used. The message says where and what to do. */
export type JournalErrorCode =
  /** The folder cannot be made or written. */
  | 'UNWRITABLE'
  /** Another process has it open. */
  | 'IN_USE'
  /** It was written by a newer version, or is no journal, or is damaged. */
  | 'UNREADABLE'
  /** Others may read or change its files, SQLite is too old to be safe, or it did not take a setting. */
  | 'UNSAFE'
  /** Writing failed; whether the last requests took effect is unknown. */
  | 'FAILED'
  /** It was closed before. */
  | 'CLOSED';

export class JournalError extends Error {
  override readonly name = 'JournalError';
  readonly code: JournalErrorCode;

  constructor(code: JournalErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

import type {
  DeliveryCounts,
  DeliveryRecord,
  DeliveryState,
  ReadyDelivery,
  ReadyPlace,
  RecordedDelivery,
  ReopenedDelivery,
} from '../core/delivery.ts';
import type { AcceptedEvent, EventIdentity, SyncEvent } from '../core/event.ts';
import type { OnDeadLetter } from '../core/lane-messages.ts';
import type { DeliveryFilter } from './delivery-filter.ts';
import type { DeliveryCount, DeliveryPage, DeliveryPosition, ListDeliveriesRequest } from './delivery-page.ts';
import type { JournalError } from './journal-error.ts';
import type { Positions } from './positions.ts';
import type { ReplayJob, ReplayStepRequest, ReplayStepResult } from './replay-job.ts';

/**
 * Every call of the port, spelt once: its request and its answer. An implementation answers them in one transaction
 * for many; a thread carries them as `[name, request]`.
 *
 * Requests carry two kinds of time. `atMs` and its kin are milliseconds since 1970 by the hub's clock, which operators
 * read and may set. `nowMs` is the hub's monotonic clock, which begins at the time of day when the process starts and
 * then only counts on: due times are kept by it, so that nobody who sets the clock makes a delivery wait.
 */
export interface JournalCalls {
  /** Accepts an event, with one delivery for each adapter that receives events at that moment. */
  accept(request: AcceptRequest): AcceptResult;

  /** From now on events go to these adapters, and to no others. What the others have stays open. */
  setReceivers(adapters: readonly string[]): void;

  /**
   * Takes a lane over: what was opened before under its name is lost from here on. Answers what the lane needs to
   * continue; what is ready is then read from the beginning.
   */
  openLane(request: OpenLaneRequest): OpenedLane;

  /**
   * Adds a step to a delivery's life, and computes the head of its key again. A delivery that does not exist is an
   * error of the caller, and fatal.
   */
  record(request: RecordRequest): RecordResult;

  /** Ready deliveries of a lane after a place, in the order of {@link ReadyPlace}. */
  readReady(request: ReadReadyRequest): ReadyPage;

  /** One head of a lane, whether it is due or not; undefined when there is none such. */
  readHead(request: ReadHeadRequest): ReadyDelivery | undefined;

  /**
   * The lane does not run this head of a key, and will not before this is answered. The head of the key is computed
   * again: the oldest open delivery, but a head that may have run stays, and a dead letter that holds the key leaves none.
   * The head, if any, is reported with the commit, also when it is the same; nothing is when this one was none. Answers,
   * as it is at the end of the commit, this delivery if it is the head.
   */
  giveBack(request: GiveBackRequest): ReadyDelivery | undefined;

  /** An operator ends all waits of a lane: what waits for its next attempt is due now. Answers how many there were. */
  endWaits(request: EndWaitsRequest): number;

  /** Settles a dead letter, or an open delivery that no attempt is made of, permanently. */
  discard(request: DiscardRequest): DiscardResult;

  /**
   * Continues a replay job: looks at some of its dead letters, begins a new cycle of those that it sends, and keeps how
   * far it is, all in one transaction. So a crash neither sends one twice nor leaves one out.
   */
  stepReplay(request: ReplayStepRequest): ReplayStepResult;

  /**
   * One event with its deliveries in alphabetical order of the adapters. Of what is recorded of them it has the newest,
   * at most {@link READ_RECORDS_MAX}: what it costs does not grow with an outage.
   */
  readEvent(request: EventReference): FoundEvent;

  /** Records from a place on: those of one lane in the order of their positions. */
  readRecords(request: ReadRecordsRequest): ReadRecordsResult;

  /** Deliveries that match a filter, newest first, a page at a time. */
  listDeliveries(request: ListDeliveriesRequest): DeliveryPage;

  /** How many of some thousand deliveries match a filter, and where to continue. */
  countSome(request: { readonly filter: DeliveryFilter; readonly after: DeliveryPosition | undefined }): DeliveryCount;

  /** Keeps the latest state of an adapter's breaker, so that it survives a restart. */
  saveBreaker(breaker: StoredBreaker): void;

  /** Keeps whether an operator paused a lane, over a restart. */
  saveLanePause(lane: StoredPause): void;

  /** Keeps a replay job with its state, over a restart. */
  saveJob(job: ReplayJob): void;

  /** The jobs that are kept, oldest first. */
  readJobs(): readonly ReplayJob[];

  /** Deletes settled events that are past retention, in small steps. An identity is known as long as its event is kept. */
  prune(request: PruneRequest): PruneResult;

  /** Sizes, times and counts for the health RPC. */
  readStatistics(): JournalStatistics;
}

export type CallName = keyof JournalCalls;

/**
 * The durable record of events, deliveries and outcomes, and the order in which deliveries become ready. It is the one
 * truth: nothing is reported to anybody before it is in here.
 *
 * What every implementation keeps, and journal.suite.ts checks:
 * - Writes take effect in the order in which they were requested, and each is all or nothing. A read sees every write that
 *   was requested before it and all that was reported before its answer; it may see later writes of the same commit.
 * - A promise resolves, and an observer is called, only after the change is on disk (fsync returned).
 * - Observers are called in commit order, before the promises of the same commit resolve.
 * - Of each key at each adapter at most one delivery is ready: the key's head. It changes only with an outcome of it,
 *   a discard, when its lane gives it back, or when its lane is opened with another onDeadLetter. So nothing older is
 *   ever handed out beside something newer.
 * - An error while writing is fatal and ends the session: observers hear it once, every open and later promise rejects
 *   with {@link JournalError} FAILED, and nothing is retried. So is corruption that is found while reading: UNREADABLE. What
 *   the end of a session means, each implementation says. Only a full disk is not fatal: it refuses new events (`full`).
 * - What is recorded or saved without a promise after that is dropped: a delivery is then attempted again.
 */
export interface Journal extends JournalPromises {
  readonly info: JournalInfo;

  /** Subscribes to commits from now on. Returns what ends that. */
  subscribe(observer: JournalObserver): () => void;

  /** How many deliveries match a filter. Counted in steps between which others are served: what changes meanwhile is
   * counted as it was or as it is, but nothing twice. */
  countDeliveriesOf(filter: DeliveryFilter): Promise<number>;

  /** Copies the journal, while it is in use, with all that was accepted before, to a file that is not there yet. */
  backup(targetPath: string): Promise<BackupResult>;

  /** Finishes what was requested and releases the files. Later requests reject with CLOSED. Idempotent. */
  close(): Promise<void>;
}

/** The calls as promises. */
type JournalPromises = {
  readonly [Name in CallName]: (...request: Parameters<JournalCalls[Name]>) => Promise<ReturnType<JournalCalls[Name]>>;
};

/** Facts that hold from opening to closing. */
export interface JournalInfo {
  /** Names this journal in cursors: 8 characters of 0-9 and a-f, made once when it was created. */
  readonly id: string;
  /** Human-readable: "sqlite:/var/lib/hms-sync/journal.db". */
  readonly location: string;
  /** The newest record of each lane when it was opened. */
  readonly positions: Positions;
}

/** Called with everything that reached the disk. Must not throw. */
export interface JournalObserver {
  /** One commit is on disk. */
  committed(commit: Commit): void;
  /** The session ended by an error, once. */
  ended(error: JournalError): void;
}

/** What one commit made true. */
export interface Commit {
  /** New events, in the order of acceptance; no duplicates. */
  readonly events: readonly AcceptedEvent[];
  /** New records, those of one lane in the order of their positions. */
  readonly records: readonly RecordedDelivery[];
  /** Dead letters that are open again. */
  readonly reopened: readonly ReopenedDelivery[];
  /** What it means for lanes, by adapter. */
  readonly lanes: ReadonlyMap<string, LaneNews>;
}

/** What became ready of one lane. */
export interface LaneNews {
  /** In the order of {@link ReadyPlace}, all of them after those that were reported before. */
  readonly ready: readonly ReadyDelivery[];
  /** More became ready than is reported here: the lane reads it when it has room. Also after something was accepted
   * elsewhere. */
  readonly isMore: boolean;
  /** When the earliest of the heads that are not due yet will be, on the monotonic clock; Infinity: none became one. */
  readonly nextDueAtMs: number;
  /** The lane that was opened with this epoch belongs to somebody else: what it recorded last is not on disk. 0: none. */
  readonly lostEpoch: number;
}

export interface AcceptRequest {
  readonly event: SyncEvent;
  /** SHA-256 over what the publisher said, 32 bytes: the same identity with another hash is a conflict. */
  readonly contentHash: Uint8Array;
  /** See AcceptedEvent. */
  readonly publishedBy: string;
  /** By the hub's clock. */
  readonly acceptedAtMs: number;
  readonly nowMs: number;
}

export type AcceptResult =
  /** It is new and on disk. Every record of it comes after the newest that was reported before. */
  | {
      readonly kind: 'accepted';
      readonly event: AcceptedEvent;
      /** The adapters at which an earlier delivery of its key waits: for its next attempt, or for an operator. */
      readonly heldByKey: readonly string[];
    }
  /** The same content was accepted before, as this event. Of each of its adapters a position before all of its records
   * that are kept. */
  | { readonly kind: 'duplicate'; readonly event: AcceptedEvent; readonly before: Positions }
  /** Other content was accepted before under this id of this source. Nothing was changed. */
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

export interface OpenLaneRequest {
  readonly adapter: string;
  /** Whether a dead letter holds its key. When that is not as it was, heads are computed again. */
  readonly onDeadLetter: OnDeadLetter;
  readonly nowMs: number;
  /** No wait is longer than this, whatever the clock did while no hub ran. */
  readonly longestWaitMs: number;
  /** With which this hub claimed the lane among those that share the journal; absent: it takes the lane over. */
  readonly epoch?: number;
}

/** What a lane needs to continue. */
export interface OpenedLane {
  /** Proof of ownership: records carry it. */
  readonly epoch: number;
  /** Undefined: nothing was kept, it is closed. */
  readonly breaker: StoredBreaker | undefined;
  readonly pause: StoredPause['pause'];
}

export interface RecordRequest {
  readonly record: DeliveryRecord;
  /** Of the lane that asks. */
  readonly epoch: number;
  readonly nowMs: number;
  /** For retrying: when it is due, on the monotonic clock, and what of that the external system asked for. 0 otherwise. */
  readonly dueAtMs: number;
  readonly notBeforeMs: number;
}

export type RecordResult = { readonly kind: 'recorded'; readonly position: number } | { readonly kind: 'lane_lost' };

export interface ReadReadyRequest {
  readonly adapter: string;
  /** Only later ones than this; absent: from the beginning. */
  readonly after?: ReadyPlace | undefined;
  readonly nowMs: number;
  /** At most this many, and only while their payloads together stay within limitBytes (but at least one). */
  readonly limit: number;
  readonly limitBytes: number;
}

export interface ReadyPage {
  readonly deliveries: readonly ReadyDelivery[];
  /** Nothing else is ready. */
  readonly isEnd: boolean;
  /** When isEnd: when the earliest head that is not due yet will be; Infinity when there is none. */
  readonly nextDueAtMs: number;
}

export type ReadHeadRequest = { readonly adapter: string; readonly nowMs: number } & (
  | { readonly seq: number }
  /** The one that is due first. */
  | {
      /** Of those after this place; absent: of all. */
      readonly after?: ReadyPlace | undefined;
      /** Not of this key, or not this one when it has none; absent: any. */
      readonly except?: { readonly key: string; readonly seq: number } | undefined;
      /** Also one that the external system asked not to be called for yet. */
      readonly ignoreNotBefore: boolean;
    }
);

export interface GiveBackRequest {
  readonly adapter: string;
  /** The head. */
  readonly seq: number;
  readonly nowMs: number;
}

export interface EndWaitsRequest {
  readonly adapter: string;
  readonly nowMs: number;
}

/** Names an event; without a source that of any source, as long as only one has it. */
export interface EventReference {
  readonly id: EventIdentity['id'];
  readonly source?: EventIdentity['source'] | undefined;
}

export type FoundEvent =
  | ({ readonly kind: 'found' } & StoredEvent)
  | { readonly kind: 'unknown' }
  /** Several sources have the id: at most 16 of them, in alphabetical order. */
  | { readonly kind: 'ambiguous'; readonly sources: readonly string[] };

/**
 * Records that are read with an event, an equal share for each of its deliveries: a few milliseconds of the journal's
 * time. Most deliveries have one; one that was attempted through weeks of an outage may have a hundred thousand.
 */
export const READ_RECORDS_MAX = 256;

/** How many records are read of each delivery of an event with many: its share of {@link READ_RECORDS_MAX}. */
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
  /** It is open, and an earlier delivery of its key waits: for its next attempt, or for an operator. */
  readonly isHeldByKey: boolean;
  /** The newest of its records of all cycles, oldest first: at most {@link readRecordsShare} of them. */
  readonly records: readonly RecordedDelivery[];
  /** True when it has older records, which are left out. How many they are is not counted. */
  readonly hasOlderRecords: boolean;
}

export interface ReadRecordsRequest {
  readonly after: Positions;
  /** At most this many. */
  readonly limit: number;
}

export interface ReadRecordsResult {
  readonly records: readonly RecordedDelivery[];
  /** There are no others after the place. */
  readonly isEnd: boolean;
}

/** An adapter's breaker as it last was. Times in milliseconds since 1970 by the hub's clock. */
export interface StoredBreaker {
  readonly adapter: string;
  readonly state: 'closed' | 'open' | 'half_open';
  readonly sinceMs: number;
  readonly cause: string;
}

/** What an operator decided about an adapter's lane. */
export interface StoredPause {
  readonly adapter: string;
  /** Undefined: it is not paused. */
  readonly pause: { readonly reason: string; readonly sinceMs: number } | undefined;
}

export type BackupResult =
  /** It is on disk, and can be put in the place of a journal. */
  | { readonly kind: 'done'; readonly path: string; readonly sizeBytes: number }
  /** There is no new file. The reason is a human-readable sentence. */
  | { readonly kind: 'rejected'; readonly reason: string };

export interface JournalStatistics {
  readonly sizeBytes: number;
  /** The median of the last commits, up to 128 of them; undefined before the first. */
  readonly commitLatencyMs: number | undefined;
  /** Of each adapter that receives events or ever had a lane or a delivery, in alphabetical order. */
  readonly lanes: readonly LaneStatistics[];
}

export interface LaneStatistics {
  readonly adapter: string;
  /** Deliveries that are not settled. */
  readonly unsettled: number;
  readonly deadLetters: number;
  /** When the first accepted of the unsettled ones was accepted; undefined when there is none. */
  readonly oldestAcceptedAtMs: number | undefined;
  /** Unsettled ones with an earlier dead letter of their key. May be some seconds old when they are many. */
  readonly behindDeadLetters: number;
}

/** Deletes what has had its time, a step at a time: other requests are served between the steps. */
export interface PruneRequest {
  /**
   * Only events whose deliveries were all settled before this time by the hub's clock, none of them a dead letter; and
   * at the end of a round jobs that ended and were made before it.
   */
  readonly settledBeforeMs: number;
  /** Goes on after this event: `next` of the step before. Absent: begins a round with the oldest. */
  readonly afterSeq?: number;
  /** Looks at this many events at most, and so deletes no more: 256 take about 10 ms. */
  readonly maxEvents: number;
  /**
   * Deletes about this many records at most: 2,048 take about 10 ms. An event with more of them keeps its newest record,
   * and so its state, until a later step deletes it as a whole; what its deliveries did before is gone earlier.
   */
  readonly maxRecords: number;
}

export interface PruneResult {
  /** Deleted, with all of their deliveries and records. The newest event is always kept. */
  readonly events: number;
  /** Deleted, those of events that a later step deletes among them. */
  readonly records: number;
  /** Where the next step goes on; undefined when the round is over. */
  readonly next: number | undefined;
}

export interface DiscardRequest {
  readonly adapter: string;
  readonly seq: number;
  /** By the hub's clock. */
  readonly atMs: number;
  readonly nowMs: number;
  /** Why, and who says so: kept with the record. */
  readonly reason: string;
}

export type DiscardResult =
  /** It is discarded permanently; its record was reported with the commit. */
  | { readonly kind: 'discarded' }
  /** Its lane is another hub's. Nothing was changed. */
  | { readonly kind: 'elsewhere' }
  /** It is settled otherwise. Nothing was changed. */
  | { readonly kind: 'settled'; readonly state: DeliveryState }
  /** There never was such a delivery, or it was deleted after its time. */
  | { readonly kind: 'unknown' };

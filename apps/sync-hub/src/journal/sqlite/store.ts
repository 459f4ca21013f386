import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { CALLS, type Call, type CommitReport, type StoreAnswer, type StoreCalls } from '../calls.ts';
import { deliveryState, isOpenCode } from '../codes.ts';
import { CommitNews } from '../commit-news.ts';
import type { PruneRequest, PruneResult } from '../journal.ts';
import {
  type CallName,
  type EventReference,
  type FoundEvent,
  type FullDisk,
  type OpenedLane,
  type OpenLaneRequest,
  readRecordsShare,
  type StoredDelivery,
} from '../journal.ts';
import { type ReplayStepRequest, type ReplayStepResult, runReplayStep } from '../replay-job.ts';
import { Accepting } from './accepting.ts';
import { isDiskFull } from './database-error.ts';
import { DeliveryTable } from './delivery-table.ts';
import type { Disk } from './disk.ts';
import { EventTable, SOURCES_MAX } from './event-table.ts';
import { Heads } from './heads.ts';
import { LaneTable } from './lane-table.ts';
import { Lists } from './lists.ts';
import type { Parts } from './parts.ts';
import { Pruning } from './pruning.ts';
import { RecordTable } from './record-table.ts';
import { Recording } from './recording.ts';
import type { DeliveryRow, RecordedEvent } from './rows.ts';
import { SavedState } from './saved-state.ts';
import { StalenessIndex } from './staleness-index.ts';
import { Statistics } from './statistics.ts';

/** The calls of the port on a database, and transactions of them. To prepare it is the check of tables and indexes. */
export class Store {
  readonly #database: DatabaseSync;
  readonly #disk: Disk;
  readonly #parts: Parts;
  readonly #heads: Heads;
  readonly #outcomes: Recording;
  readonly #lists: Lists;
  readonly #saved: SavedState;
  readonly #retention: Pruning;
  readonly #statistics: Statistics;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #calls: StoreCalls;
  /** Set while a transaction runs that may take no new events. */
  #full: FullDisk | undefined;
  #epochs = 0;

  constructor(database: DatabaseSync, disk: Disk) {
    this.#database = database;
    this.#disk = disk;
    const lanes = new LaneTable(database);
    const stalenessIndex = new StalenessIndex(database);
    const parts = {
      database,
      lanes,
      events: new EventTable(database, lanes),
      deliveries: new DeliveryTable({ database, lanes, stalenessIndex }),
      records: new RecordTable(database, lanes),
      stalenessIndex,
      news: new CommitNews(),
    };
    const heads = new Heads(parts);
    const accepting = new Accepting({ ...parts, heads });
    this.#parts = parts;
    this.#heads = heads;
    this.#outcomes = new Recording({ ...parts, heads });
    this.#lists = new Lists(parts);
    this.#saved = new SavedState(database);
    this.#retention = new Pruning(parts);
    this.#statistics = new Statistics(database, lanes);
    this.#begin = database.prepare('BEGIN IMMEDIATE');
    this.#commit = database.prepare('COMMIT');
    this.#calls = {
      accept: (request) => accepting.accept(request, this.#full),
      setReceivers: (adapters) => lanes.setReceivers(adapters),
      openLane: (request) => this.#openLane(request),
      record: (request) => this.#outcomes.record(request),
      readReady: (request) => heads.readReady(request),
      readHead: (request) => heads.readHead(request),
      giveBack: ({ adapter, seq, nowMs }) => {
        heads.giveBack(lanes.open(adapter), seq, nowMs);
        return undefined;
      },
      endWaits: ({ adapter, nowMs }) => heads.endWaits(lanes.open(adapter), nowMs),
      discard: (request) => this.#outcomes.discard(request),
      stepReplay: (request) => this.#stepReplay(request),
      readEvent: (reference) => this.#readEvent(reference),
      readRecords: (request) => parts.records.read(request),
      listDeliveries: (request) => this.#lists.page(request),
      countSome: (request) => this.#lists.count(request),
      saveBreaker: (breaker) => this.#saved.saveBreaker(breaker),
      saveLanePause: (lane) => this.#saved.savePause(lane),
      saveJob: (job) => this.#saved.saveJob(job),
      readJobs: () => this.#saved.jobs(),
      prune: (request) => this.#prune(request),
      readStatistics: () => ({
        sizeBytes: disk.sizeBytes(),
        commitLatencyMs: this.#statistics.commitLatencyMs,
        lanes: this.#statistics.lanes(),
      }),
    };
  }

  /** See HighWater. */
  get highWater(): { readonly newestSeq: number; readonly positions: number } {
    return { newestSeq: this.#parts.events.lastSeq, positions: this.#parts.lanes.recorded };
  }

  /** The newest record of each lane. */
  get positions(): ReadonlyMap<string, number> {
    const recorded = this.#parts.lanes.all.filter(({ position }) => position > 0);
    return new Map(recorded.map(({ id, position }) => [id, position]));
  }

  /** Where new events go now, in alphabetical order. */
  get receivers(): readonly string[] {
    return this.#parts.lanes.receiving.map(({ id }) => id);
  }

  /**
   * Runs calls in their order, as one transaction with one fsync. A throw is the end of the session: whether they took
   * effect is then unknown, and nothing may be tried again.
   */
  run(calls: readonly Call[]): CommitReport {
    if (calls.every(({ name }) => CALLS[name] === 'reads')) return this.#parts.news.report(this.#answer(calls));
    this.#full = calls.some(({ name }) => name === 'accept') ? this.#disk.shortage() : undefined;
    const startedMs = performance.now();
    const report = this.#transact(calls);
    this.#statistics.committed(performance.now() - startedMs);
    return report;
  }

  #transact(calls: readonly Call[]): CommitReport {
    const marks = [this.#parts.lanes.mark(), this.#parts.events.mark()];
    try {
      this.#begin.run();
      const report = this.#parts.news.report(this.#answer(calls));
      this.#commit.run();
      return report;
    } catch (error) {
      this.#parts.news.clear();
      if (!isDiskFull(error) || this.#full !== undefined) throw error;
      // SQLite has taken back the transaction by itself when it says that it is full, but does not promise to.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      for (const restore of marks) restore();
      // What room there is belongs to the records. When they find none either, it is the end.
      this.#full = this.#disk.full();
      return this.#transact(calls);
    }
  }

  /** Reads last: whoever gets an answer has been notified of all that the same commit made true, and it is not older. */
  #answer(calls: readonly Call[]): StoreAnswer<CallName>[] {
    const answers: StoreAnswer<CallName>[] = [];
    const reads: (() => void)[] = [];
    for (const [index, { name, request }] of calls.entries()) {
      const does = CALLS[name];
      answers.push(does === 'reads' ? undefined : this.#answerOne(name, request, index));
      if (does === 'writes') continue;
      const read = does === 'reads' ? name : does.writesThen;
      reads.push(() => {
        answers[index] = this.#answerOne(read, request, index);
      });
    }
    for (const read of reads) read();
    return answers;
  }

  #answerOne(name: CallName, request: Call['request'], index: number): StoreAnswer<CallName> {
    this.#parts.news.call = index;
    // A call's request is that of its name, and of the one that reads its answer.
    return (this.#calls[name] as (request: unknown) => StoreAnswer<CallName>)(request);
  }

  #openLane({ adapter, onDeadLetter, nowMs, longestWaitMs }: OpenLaneRequest): OpenedLane {
    const lane = this.#parts.lanes.open(adapter);
    this.#epochs += 1;
    lane.epoch = this.#epochs;
    this.#heads.recover(lane, { nowMs, longestWaitMs });
    this.#heads.hold(lane, onDeadLetter === 'hold', nowMs);
    return { epoch: lane.epoch, breaker: this.#saved.breaker(adapter), pause: this.#saved.pause(adapter) };
  }

  #stepReplay(request: ReplayStepRequest): ReplayStepResult {
    const { job, bounds, atMs, nowMs } = request;
    const result = runReplayStep(request, {
      deadLetters: this.#lists.deadLettersAfter(job.filter, job.position),
      newestDeliveredSeq: (adapter, key) =>
        this.#parts.stalenessIndex.newestDeliveredSeq(this.#parts.lanes.open(adapter), key),
      reopen: ({ adapter, seq }) => this.#outcomes.reopen({ adapter, seq, mayFollow: job.includeStale, atMs, nowMs }),
    });
    if (bounds !== undefined) this.#saved.saveJob(result.job);
    return result;
  }

  #readEvent({ id, source }: EventReference): FoundEvent {
    const sources = source === undefined ? this.#parts.events.sources(id) : [source];
    const [only] = sources;
    if (sources.length > 1) return { kind: 'ambiguous', sources: sources.slice(0, SOURCES_MAX) };
    const event = only === undefined ? undefined : this.#parts.events.find({ id, source: only });
    if (event === undefined) return { kind: 'unknown' };
    const rows = this.#parts.deliveries.ofEvent(event.seq);
    const limit = readRecordsShare(rows.length);
    const deliveries = rows.map((row) => this.#storedDelivery(row, event, limit));
    return {
      kind: 'found',
      event,
      deliveries: deliveries.sort((left, right) => (left.adapter < right.adapter ? -1 : 1)),
    };
  }

  #storedDelivery(row: DeliveryRow, event: RecordedEvent, limit: number): StoredDelivery {
    const lane = this.#parts.lanes.of(row.adapter);
    // One more than fits says whether there are older ones.
    const records = this.#parts.records.newest(lane, row.seq, event, limit + 1);
    return {
      adapter: lane.id,
      state: deliveryState(row.state),
      cycle: row.cycle,
      attempts: row.attempts,
      spent: row.spent,
      crashes: row.crashes,
      isHeldByKey: isOpenCode(row.state) && this.#parts.deliveries.isHeldByKey(lane, row),
      records: records.slice(0, limit).reverse(),
      hasOlderRecords: records.length > limit,
    };
  }

  #prune(request: PruneRequest): PruneResult {
    const result = this.#retention.prune(request, this.#parts.events.lastSeq);
    if (result.next === undefined) this.#saved.forgetJobs(request.settledBeforeMs);
    return result;
  }
}

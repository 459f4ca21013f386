import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { FullDisk, JournalStatistics } from '../journal.ts';
import type { JournalAnswer, JournalRequest, ReadRequest, WriteRequest } from '../request.ts';
import { Adapters } from './adapters.ts';
import { CommitLatency } from './commit-latency.ts';
import type { OpenedDatabase } from './database.ts';
import { isDiskFull } from './database-error.ts';
import { LaneKeeper } from './lane-keeper.ts';
import { Listing } from './listing.ts';
import { Reader } from './reader.ts';
import { Replayer } from './replayer.ts';
import { Waiting } from './waiting.ts';
import { Writer } from './writer.ts';

/** At most 16 MiB of payload, and some milliseconds. */
const CHECKED_EVENTS = 64;
const CHECKED_RECORDS = 1_024;

export interface GroupCommitOptions extends OpenedDatabase {
  /** With less than this free on the disk, new events are refused; what is left is for records. */
  readonly reserveBytes: number;
}

/** Runs requests in their order, as one transaction with one fsync. */
export class GroupCommit {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #reserveBytes: number;
  readonly #reader: Reader;
  readonly #listing: Listing;
  readonly #writer: Writer;
  readonly #keeper: LaneKeeper;
  readonly #replayer: Replayer;
  readonly #adapters: Adapters;
  readonly #waiting: Waiting;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #latency = new CommitLatency();

  constructor({ database, path, reserveBytes }: GroupCommitOptions) {
    this.#database = database;
    this.#path = path;
    this.#reserveBytes = reserveBytes;
    this.#adapters = new Adapters(database);
    this.#waiting = new Waiting(database);
    this.#reader = new Reader(database, this.#adapters);
    this.#listing = new Listing({ database, adapters: this.#adapters, reader: this.#reader });
    this.#writer = new Writer({ database, adapters: this.#adapters, reader: this.#reader });
    this.#keeper = new LaneKeeper(database);
    this.#replayer = new Replayer({ listing: this.#listing, writer: this.#writer, keeper: this.#keeper });
    this.#begin = database.prepare('BEGIN IMMEDIATE');
    this.#commit = database.prepare('COMMIT');
  }

  get lastSeq(): number {
    return this.#writer.lastSeq;
  }

  get lastCursor(): number {
    return this.#writer.lastCursor;
  }

  /**
   * The quick form of `hms-sync journal verify`, for each start: what was written last, which a crash or a lying disk
   * harms first. The rest is checked row by row as it is read.
   *
   * @throws Damage
   */
  checkNewest(): void {
    const { lastSeq, lastCursor } = this.#writer;
    this.#reader.readRecords(
      { afterCursor: Math.max(0, lastCursor - CHECKED_RECORDS), limit: CHECKED_RECORDS },
      lastCursor,
    );
    for (let seq = Math.max(1, lastSeq - CHECKED_EVENTS + 1); seq <= lastSeq; seq++) {
      const event = this.#reader.readBySeq(seq);
      if (event !== undefined) this.#reader.readEvent(event.id);
    }
  }

  /**
   * Their answers, in their order, once all of them are on disk. A throw is the end of the journal: whether they took
   * effect is then unknown, and nothing may be tried again.
   */
  run(requests: readonly JournalRequest[]): JournalAnswer[] {
    if (!requests.some(isWrite)) return requests.map((request) => this.#answer(request, undefined));
    const full = requests.some(({ kind }) => kind === 'accept') ? this.#shortDisk() : undefined;
    const startedMs = performance.now();
    const answers = this.#transact(requests, full);
    this.#latency.add(performance.now() - startedMs);
    return answers;
  }

  #transact(requests: readonly JournalRequest[], full: FullDisk | undefined): JournalAnswer[] {
    const giveBack = this.#writer.mark();
    try {
      this.#begin.run();
      const answers = requests.map((request) => this.#answer(request, full));
      this.#commit.run();
      return answers;
    } catch (error) {
      if (!isDiskFull(error) || full !== undefined) throw error;
      // SQLite has taken back the transaction by itself when it says that it is full, but does not promise to.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      giveBack();
      // What room there is belongs to the records. When they find none either, it is the end.
      return this.#transact(requests, this.#disk());
    }
  }

  #answer(request: JournalRequest, full: FullDisk | undefined): JournalAnswer {
    switch (request.kind) {
      case 'accept':
        return this.#writer.accept(request.accept, full);
      case 'record':
        return this.#writer.record(request.record);
      case 'saveBreaker':
        return this.#keeper.saveBreaker(request.breaker);
      case 'stepReplay':
        return this.#replayer.step(request.step);
      case 'discard':
        return this.#writer.discard(request.discard);
      case 'saveJob':
        return this.#keeper.saveJob(request.job);
      case 'saveLanePause':
        return this.#keeper.saveLanePause(request.lane);
      case 'prune':
        return this.#writer.prune(request.prune);
      default:
        return this.#read(request);
    }
  }

  #read(request: ReadRequest): JournalAnswer {
    switch (request.kind) {
      case 'fetchOpen':
        return this.#reader.fetchOpen(request.fetch, this.#writer.lastSeq);
      case 'readEvent':
        return this.#reader.readEvent(request.id);
      case 'readRecords':
        return this.#reader.readRecords(request.read, this.#writer.lastCursor);
      case 'readBreakers':
        return this.#reader.readBreakers();
      case 'countDeliveries':
        return this.#writer.totals.read(this.#adapters.all());
      case 'listDeliveries':
        return this.#listing.page(request.list);
      case 'countSome':
        return this.#listing.count(request);
      case 'readDeadLetterKeys':
        return this.#reader.readDeadLetterKeys(request.adapter);
      case 'readJobs':
        return this.#reader.readJobs();
      case 'readLanes':
        return this.#reader.readLanes();
      case 'readStatistics':
        return this.#statistics();
      default:
        return request satisfies never;
    }
  }

  /** Undefined while there is more than the reserve. */
  #shortDisk(): FullDisk | undefined {
    const disk = this.#disk();
    return disk.freeBytes < disk.reserveBytes ? disk : undefined;
  }

  #disk(): FullDisk {
    const { bavail, bsize } = statfsSync(dirname(this.#path));
    return { kind: 'full', freeBytes: bavail * bsize, reserveBytes: this.#reserveBytes };
  }

  #statistics(): JournalStatistics {
    const sizeBytes = statSync(this.#path).size + (statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size ?? 0);
    const adapters = [...this.#adapters.all()];
    const waiting = this.#waiting.read(this.#writer.totals.read(adapters), new Map(adapters));
    return { sizeBytes, commitLatencyMs: this.#latency.medianMs, waiting };
  }
}

const WRITES: Readonly<Record<WriteRequest['kind'], true>> = {
  accept: true,
  record: true,
  saveBreaker: true,
  stepReplay: true,
  discard: true,
  saveJob: true,
  saveLanePause: true,
  prune: true,
};

function isWrite({ kind }: JournalRequest): boolean {
  return kind in WRITES;
}

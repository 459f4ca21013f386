import { DatabaseSync } from 'node:sqlite';
import type { Call, StoreAnswer } from '../calls.ts';
import { JournalClient, type Transport } from '../client.ts';
import type { BackupResult, CallName, FullDisk, Journal } from '../journal.ts';
import { JournalError } from '../journal-error.ts';
import type { Disk } from './disk.ts';
import { migrate } from './schema.ts';
import { Store } from './store.ts';

export interface InlineJournalOptions {
  /** Of an earlier one that was closed or killed: it is opened again; absent: a new one in memory. */
  readonly database?: DatabaseSync | undefined;
  /** Commits are made and reported by hand, see {@link CommitControl}; absent: in the next turn of the event loop. */
  readonly control?: boolean;
  /** There is no room for new events from the beginning. */
  readonly isFull?: boolean;
  /** Called with each call as it is made. */
  readonly onRequest?: (call: Call) => void;
  /** Called with each call that a commit made true, in their order, before it is reported to anybody else. */
  readonly onWritten?: (call: Call, answer: StoreAnswer<CallName>) => void;
}

/** The journal that ships, on a database in this thread: for tests and the simulation. */
export interface InlineJournal extends Journal {
  /** To open again what is on disk. */
  readonly database: DatabaseSync;
  readonly control: CommitControl;
}

/** Opens a journal in this thread. @throws {JournalError} IN_USE */
export function openInlineJournal(options: InlineJournalOptions = {}): InlineJournal {
  const { database = newDatabase() } = options;
  if (inUse.has(database)) throw new JournalError('IN_USE', 'The journal in memory is open.');
  const disk = new MemoryDisk(database);
  const store = new Store(database, disk);
  inUse.add(database);
  const control = new CommitControl({ ...options, database, store, disk });
  const info = {
    id: String(database.prepare('SELECT id FROM journal').get()?.id),
    location: 'memory',
    positions: store.positions,
  };
  const client = new JournalClient({ info, receivers: store.receivers, transport: control });
  control.reportTo(client);
  return { ...client.journal, database, control };
}

const inUse = new WeakSet<DatabaseSync>();

function newDatabase(): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  database.exec('PRAGMA foreign_keys = 1');
  migrate(database, 0);
  return database;
}

class MemoryDisk implements Disk {
  isFull = false;
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  shortage(): FullDisk | undefined {
    return this.isFull ? this.full() : undefined;
  }

  full(): FullDisk {
    return { kind: 'full', freeBytes: 0, reserveBytes: 2 ** 26 };
  }

  sizeBytes(): number {
    const size = this.#database
      .prepare('SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size')
      .get();
    return Number(size?.bytes);
  }
}

interface ControlOptions extends InlineJournalOptions {
  readonly database: DatabaseSync;
  readonly store: Store;
  readonly disk: MemoryDisk;
}

/**
 * A call waits, then is on disk by one commit with others, then its answer is reported: the process may die before,
 * between and after.
 */
export class CommitControl implements Transport {
  readonly #options: ControlOptions;
  #client: JournalClient | undefined;
  #waiting: Call[] = [];
  /** Of each commit that is on disk, while it is not reported. */
  #unreported: ReturnType<Store['run']>[] = [];
  #turn: NodeJS.Immediate | undefined;
  /** Commits are made by hand. */
  #isHeld: boolean;
  #isEnded = false;

  constructor(options: ControlOptions) {
    this.#options = options;
    this.#isHeld = options.control ?? false;
    this.isFull = options.isFull ?? false;
  }

  reportTo(client: JournalClient): void {
    this.#client = client;
  }

  /** How many calls wait to be written. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** How many commits are not reported yet. */
  get unreported(): number {
    return this.#unreported.length;
  }

  set isFull(isFull: boolean) {
    this.#options.disk.isFull = isFull;
  }

  submit(call: Call): void {
    if (this.#isEnded) return;
    this.#options.onRequest?.(call);
    this.#waiting.push(call);
    if (!this.#isHeld) this.#turn ??= setImmediate(() => this.flush());
  }

  /** From here on commits are made by hand. */
  hold(): void {
    this.#isHeld = true;
    clearImmediate(this.#turn);
    this.#turn = undefined;
  }

  /** From here on commits are made by themselves, of what waits too. */
  release(): void {
    this.#isHeld = false;
    this.flush();
  }

  /** One commit with the oldest calls: after it they are on disk, all of them. An error ends the session. */
  write(count: number): void {
    if (this.#isEnded) return;
    const { store, onWritten } = this.#options;
    const calls = this.#waiting.splice(0, count);
    if (calls.length === 0) return;
    try {
      const report = store.run(calls);
      for (const [index, call] of calls.entries()) onWritten?.(call, report.answers[index] as StoreAnswer<CallName>);
      this.#unreported.push(report);
    } catch (error) {
      this.#end();
      if (!(error instanceof Error)) throw error;
      const { message } = error;
      const code = error.name === 'CorruptionError' ? 'UNREADABLE' : 'FAILED';
      this.#client?.failed(error instanceof JournalError ? error : new JournalError(code, message, { cause: error }));
    }
  }

  /** The oldest commit that is not reported yet is reported. */
  report(): void {
    const report = this.#unreported.shift();
    if (report !== undefined) this.#client?.committed(report);
  }

  /** Everything that waits, on disk and reported. */
  flush(): void {
    this.#turn = undefined;
    this.write(this.#waiting.length);
    while (this.#unreported.length > 0) this.report();
  }

  /** Writing fails: what the last commit held may be on disk or not. */
  fail(): void {
    this.#end();
    this.#client?.failed(new JournalError('FAILED', 'The disk failed, as the test asked.'));
  }

  /** Dies as by kill -9: what is on disk stays, nothing reports anything any more. */
  kill(): void {
    this.#end();
    this.#client = undefined;
  }

  async backup(): Promise<BackupResult> {
    return { kind: 'rejected', reason: 'This journal is kept in memory alone: there is no file to copy.' };
  }

  async close(): Promise<void> {
    if (!this.#isEnded) this.flush();
    this.#end();
  }

  #end(): void {
    const { database } = this.#options;
    clearImmediate(this.#turn);
    this.#isEnded = true;
    this.#waiting = [];
    this.#unreported = [];
    if (database.isOpen && database.isTransaction) database.exec('ROLLBACK');
    inUse.delete(database);
  }
}

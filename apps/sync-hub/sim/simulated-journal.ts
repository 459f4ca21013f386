import type { DatabaseSync } from 'node:sqlite';
import { CALLS, type Call } from '../src/journal/calls.ts';
import type { Journal, JournalObserver } from '../src/journal/journal.ts';
import { openInlineJournal } from '../src/journal/sqlite/inline-journal.ts';
import type { Written } from './model/apply-call.ts';
import type { CommitOracle } from './oracle/commit-oracle.ts';
import { settle } from './time.ts';

/** What outlives a process: the database, and whether there is room on the disk. */
export class SimulatedDisk {
  /** Undefined before anything opened it. */
  database: DatabaseSync | undefined;
  /** Of the process that has it open. */
  onFull: (isFull: boolean) => void = () => undefined;
  #isFull = false;

  /** Refuses new events. */
  get isFull(): boolean {
    return this.#isFull;
  }

  set isFull(isFull: boolean) {
    this.#isFull = isFull;
    this.onFull(isFull);
  }

  close(): void {
    if (this.database?.isOpen === true) this.database.close();
  }
}

export interface SimulatedJournalOptions {
  readonly disk: SimulatedDisk;
  /** Called for each call as it is made. */
  readonly onRequest: (call: Call) => void;
  /** Called for each call that a commit made true, in their order and what is only read last, before anything is reported. */
  readonly onWritten: (written: Written) => void;
  /** Called for each of them once the hub knows of its commit. */
  readonly onReported: (written: Written) => void;
  readonly commits: CommitOracle;
}

/** The hub's way to the journal, whose commits the schedule makes and reports. */
export interface SimulatedJournal extends Journal {
  readonly commits: Commits;
}

export function openSimulatedJournal(options: SimulatedJournalOptions): SimulatedJournal {
  const { disk, onRequest } = options;
  const unreported: Written[][] = [];
  const journal = openInlineJournal({
    database: disk.database,
    control: true,
    isFull: disk.isFull,
    onRequest,
    onWritten: (call, answer) => {
      unreported.at(-1)?.push({ call, answer });
    },
  });
  disk.database = journal.database;
  disk.onFull = (isFull) => {
    journal.control.isFull = isFull;
  };
  const observer: JournalObserver = options.commits;
  journal.subscribe(observer);
  const { commits: oracle, onWritten, onReported } = options;
  const commits = new Commits({ control: journal.control, unreported, oracle, onWritten, onReported });
  const close = async () => {
    await commits.flush();
    await journal.close();
  };
  return { ...journal, close, commits };
}

interface CommitsOptions extends Pick<SimulatedJournalOptions, 'onWritten' | 'onReported'> {
  readonly control: ReturnType<typeof openInlineJournal>['control'];
  /** The calls of each commit that is on disk, while the hub does not know of it. */
  readonly unreported: Written[][];
  readonly oracle: CommitOracle;
}

/**
 * A call waits, then is on disk by one commit with others, then its answer is reported: the process may die before,
 * between and after.
 */
export class Commits {
  readonly #options: CommitsOptions;

  constructor(options: CommitsOptions) {
    this.#options = options;
  }

  /** Calls that wait to be written. */
  get waiting(): number {
    return this.#options.control.waiting;
  }

  /** Commits that are on disk and that are not reported yet. */
  get unreported(): number {
    return this.#options.control.unreported;
  }

  /** One commit with the oldest calls: after it they are on disk, all of them. */
  write(count: number): void {
    const { control, unreported, onWritten } = this.#options;
    if (control.waiting === 0) return;
    const written: Written[] = [];
    unreported.push(written);
    control.write(count);
    // What is read is answered as of its commit, and so after all that the commit changed.
    const reads = written.filter(({ call }) => CALLS[call.name] === 'reads');
    for (const one of written) if (!reads.includes(one)) onWritten(one);
    for (const one of reads) onWritten(one);
  }

  /** The hub is notified of the oldest commit that it does not know of. */
  report(): void {
    const { control, unreported, oracle, onReported } = this.#options;
    const written = unreported.shift();
    if (written === undefined || control.unreported === 0) return;
    oracle.expect(written);
    control.report();
    oracle.checkHeard();
    for (const one of written) onReported(one);
  }

  /** Everything that waits, on disk and reported. */
  async flush(): Promise<void> {
    while (this.waiting + this.unreported > 0) {
      if (this.unreported === 0) this.write(this.waiting);
      this.report();
      // Who waits for an answer goes on before the next commit is reported.
      await settle();
    }
  }

  fail(): void {
    this.#options.control.fail();
  }

  kill(): void {
    this.#options.control.kill();
  }
}

import { JournalError, type JournalObserver } from '../../src/journal/journal.ts';
import { applyRequest } from '../../src/journal/memory/apply-request.ts';
import type { MemoryDisk } from '../../src/journal/memory/memory-disk.ts';
import { PendingRequests } from '../../src/journal/pending-requests.ts';
import { type JournalBackend, QueuedJournal } from '../../src/journal/queued-journal.ts';
import type { JournalAnswer, JournalRequest } from '../../src/journal/request.ts';

export interface FaultyJournalOptions {
  readonly disk: MemoryDisk;
  readonly observer: JournalObserver;
  readonly onFatal: (error: JournalError) => void;
  /** Called for each request that a commit made true, in their order, before anybody is told. */
  readonly onWritten: (request: JournalRequest, answer: JournalAnswer) => void;
  /** Called for each request as it is made. */
  readonly onRequest: (request: JournalRequest) => void;
}

/** The journal's own front on a disk that commits when, and as far as, the schedule says. */
export class FaultyJournal extends QueuedJournal {
  readonly backend: FaultyBackend;

  constructor(options: FaultyJournalOptions) {
    const { disk, observer, onFatal } = options;
    const lastCursor = disk.records.length;
    const info = { id: disk.id, location: 'simulated', lastSeq: disk.events.length, lastCursor };
    const pending = new PendingRequests({ observer, onFatal, lastCursor });
    const backend = new FaultyBackend(options, pending);
    super({ info, pending, backend });
    this.backend = backend;
  }
}

/**
 * The side of the disk. A request waits, then is on disk by one commit with others, then its answer is told: the
 * process may die before, between and after.
 */
export class FaultyBackend implements JournalBackend {
  readonly #options: FaultyJournalOptions;
  readonly #pending: PendingRequests;
  #waiting: JournalRequest[] = [];
  /** The answers of each commit that is on disk, while the hub has not heard of it. */
  #untold: JournalAnswer[][] = [];
  #isDead = false;

  constructor(options: FaultyJournalOptions, pending: PendingRequests) {
    this.#options = options;
    this.#pending = pending;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get untold(): number {
    return this.#untold.length;
  }

  submit(request: JournalRequest): void {
    if (this.#isDead) return;
    this.#options.onRequest(request);
    this.#waiting.push(request);
  }

  /** One commit with the oldest requests: after it they are on disk, all of them. */
  write(count: number): void {
    const { disk, onWritten } = this.#options;
    const answers = this.#waiting.splice(0, count).map((request) => {
      const answer = applyRequest(disk, request);
      onWritten(request, answer);
      return answer;
    });
    this.#untold.push(answers);
  }

  /** The hub hears of the oldest commit that it has not heard of. */
  tell(): void {
    const answers = this.#untold.shift();
    if (answers !== undefined) this.#pending.settle(answers);
  }

  /** Writing fails: what the last commit held may be on disk or not. */
  fail(): void {
    this.#pending.fail(new JournalError('FAILED', 'the simulated disk failed'));
  }

  /** Dies as by kill -9: what is on disk stays, nobody hears of anything any more. */
  kill(): void {
    this.#isDead = true;
    this.#waiting = [];
    this.#untold = [];
  }

  /** Everything that waits, on disk and told. */
  flush(): void {
    if (this.#waiting.length > 0) this.write(this.#waiting.length);
    while (this.#untold.length > 0) this.tell();
  }

  async backup(): Promise<never> {
    throw new JournalError('CLOSED', 'the simulated disk has no files');
  }

  async close(): Promise<void> {
    if (!this.#isDead && this.#pending.failure === undefined) this.flush();
  }
}

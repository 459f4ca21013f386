import type { BackupResult, JournalObserver } from '../journal.ts';
import { JournalError } from '../journal.ts';
import { PendingRequests } from '../pending-requests.ts';
import { type JournalBackend, QueuedJournal } from '../queued-journal.ts';
import type { JournalAnswer, JournalRequest } from '../request.ts';
import { applyRequest } from './apply-request.ts';
import { MemoryDisk } from './memory-disk.ts';

export interface MemoryJournalOptions {
  readonly observer: JournalObserver;
  readonly onFatal: (error: JournalError) => void;
  /** What an earlier journal left behind; absent: a new one. */
  readonly disk?: MemoryDisk;
}

/**
 * The journal of the tests: keeps the whole port, forgets everything with the process. Commits by itself once per
 * turn of the event loop, or by hand after {@link MemoryJournal.holdCommits}.
 */
export class MemoryJournal extends QueuedJournal {
  readonly disk: MemoryDisk;
  readonly #backend: MemoryBackend;

  constructor(options: MemoryJournalOptions) {
    const { observer, onFatal, disk = new MemoryDisk() } = options;
    if (disk.isOpen) {
      throw new JournalError('IN_USE', 'The memory disk is open in another journal. Close or kill that one first.');
    }
    disk.isOpen = true;
    const lastCursor = disk.records.length;
    const info = { id: disk.id, location: 'memory', lastSeq: disk.events.length, lastCursor };
    const pending = new PendingRequests({ observer, onFatal, lastCursor });
    const backend = new MemoryBackend(disk, pending);
    super({ info, pending, backend });
    this.disk = disk;
    this.#backend = backend;
  }

  /** From now on nothing is committed except by {@link commit}, so that a test can look at the moment before. */
  holdCommits(): void {
    this.#backend.isHeld = true;
  }

  /** Commits what waits, at once. */
  commit(): void {
    this.#backend.commit();
  }

  /** Commits what waits and goes on committing by itself. */
  releaseCommits(): void {
    this.#backend.isHeld = false;
    this.#backend.commit();
  }

  /** Ends as by kill -9: what waits is lost, nobody is told, and the disk can be opened again. */
  kill(): void {
    this.#backend.kill();
  }
}

class MemoryBackend implements JournalBackend {
  isHeld = false;
  readonly #disk: MemoryDisk;
  readonly #pending: PendingRequests;
  readonly #waiting: JournalRequest[] = [];
  #turn: NodeJS.Immediate | undefined;

  constructor(disk: MemoryDisk, pending: PendingRequests) {
    this.#disk = disk;
    this.#pending = pending;
  }

  submit(request: JournalRequest): void {
    this.#waiting.push(request);
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      if (!this.isHeld) this.commit();
    });
  }

  commit(): void {
    const answers: JournalAnswer[] = [];
    try {
      for (const request of this.#waiting.splice(0)) answers.push(applyRequest(this.#disk, request));
    } catch (error) {
      if (!(error instanceof JournalError)) throw error;
      // Requests before the failing one took effect untold: "unknown" is what the port says about them.
      this.#pending.fail(error);
      return;
    }
    this.#pending.settle(answers);
  }

  async backup(): Promise<BackupResult> {
    return { kind: 'refused', reason: 'This journal is kept in memory alone: there is no file to copy.' };
  }

  kill(): void {
    clearImmediate(this.#turn);
    this.#waiting.length = 0;
    // A killed journal that is still called by a test never answers.
    this.submit = () => undefined;
    this.#disk.isOpen = false;
  }

  async close(): Promise<void> {
    clearImmediate(this.#turn);
    if (this.#pending.failure === undefined) this.commit();
    this.#disk.isOpen = false;
  }
}

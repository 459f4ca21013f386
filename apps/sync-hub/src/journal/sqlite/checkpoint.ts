import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { isDiskFull } from './database-error.ts';

/**
 * How long the WAL may grow before its pages are moved into the database: 4,096 pages of 4 KiB, 16 MiB. A page that
 * changes often is then moved once for many commits, while the pause stays tens of milliseconds and a start after a
 * crash reads no more than this.
 */
const CHECKPOINT_PAGES = 4_096;

/**
 * Moves the WAL into the database between commits. By hand, because SQLite ignores the error of an automatic
 * checkpoint and would try a failed fsync again; here it ends the journal.
 */
export class Checkpoint {
  readonly #size: StatementSync;
  readonly #run: StatementSync;
  readonly #truncate: StatementSync;
  #nextAtPages = CHECKPOINT_PAGES;

  constructor(database: DatabaseSync) {
    // NOOP only says how long the WAL is.
    this.#size = database.prepare('PRAGMA wal_checkpoint(NOOP)');
    this.#run = database.prepare('PRAGMA wal_checkpoint(PASSIVE)');
    this.#truncate = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)');
  }

  /** To be called after each commit, once its answers are given. */
  runWhenDue(): void {
    if (this.#pages() >= this.#nextAtPages) this.#move(this.#run);
  }

  /** Empties the WAL too, which else keeps pages as they were before their content was deleted. */
  truncate(): void {
    this.#move(this.#truncate);
  }

  #pages(): number {
    return Number(this.#size.get()?.log ?? 0);
  }

  #move(checkpoint: StatementSync): void {
    const pages = this.#pages();
    try {
      checkpoint.get();
      this.#nextAtPages = CHECKPOINT_PAGES;
    } catch (error) {
      // Without room for the database to grow, the WAL keeps its pages: nothing is lost, so it is tried again later.
      if (!isDiskFull(error)) throw error;
      this.#nextAtPages = pages + CHECKPOINT_PAGES;
    }
  }
}

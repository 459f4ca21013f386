import { resolve } from 'node:path';
import type { Journal, JournalError, JournalObserver } from '../journal.ts';
import { PendingRequests } from '../pending-requests.ts';
import { QueuedJournal } from '../queued-journal.ts';
import { ThreadBackend } from './thread-backend.ts';

/**
 * New events are refused with less than this free on the disk: 64 MiB. The WAL may still grow by its 16 MiB and a
 * group, its checkpoint takes as much again, and the rest holds the outcomes of some hundred thousand deliveries (about
 * 200 bytes each).
 */
const DEFAULT_RESERVE_BYTES = 64 * 1024 * 1024;

export interface SqliteJournalOptions {
  /** Where journal.db is, or is to be made, with the folder, for this user alone. On a local disk. */
  readonly folder: string;
  readonly observer: JournalObserver;
  /** Told once that writing failed. The hub ends then: see JournalError FAILED. */
  readonly onFatal: (error: JournalError) => void;
  /** With less than this free on the disk new events are refused as `full`; default 64 MiB. */
  readonly reserveBytes?: number;
}

/**
 * Opens the journal of one hub on one disk: SQLite in a thread of its own, which commits in groups.
 *
 * @throws JournalError UNWRITABLE, IN_USE, UNREADABLE, UNSAFE
 */
export async function openSqliteJournal(options: SqliteJournalOptions): Promise<Journal> {
  const { folder, observer, onFatal, reserveBytes = DEFAULT_RESERVE_BYTES } = options;
  const { backend, info } = await ThreadBackend.start({ folder: resolve(folder), reserveBytes });
  const pending = new PendingRequests({ observer, onFatal, lastCursor: info.lastCursor });
  backend.listen({
    answered: (answers) => pending.settle(answers),
    failed: (error) => pending.fail(error),
  });
  return new QueuedJournal({ info, pending, backend });
}

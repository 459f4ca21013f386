import { resolve } from 'node:path';
import type { Journal, JournalError, JournalObserver } from '../journal.ts';
import { PendingRequests } from '../pending-requests.ts';
import { QueuedJournal } from '../queued-journal.ts';
import { ThreadBackend } from './thread-backend.ts';

export interface SqliteJournalOptions {
  /** Where journal.db is, or is to be made, with the folder, for this user alone. On a local disk. */
  readonly folder: string;
  readonly observer: JournalObserver;
  /** Told once that writing failed. The hub ends then: see JournalError FAILED. */
  readonly onFatal: (error: JournalError) => void;
  /** With less than this free on the disk new events are refused as `full`; default: when it is full. */
  readonly reserveBytes?: number;
  /** Makes an empty one in a folder whose journal was lost; without it that is refused. */
  readonly newJournal?: boolean;
}

/**
 * Opens the journal of one hub on one disk: SQLite in a thread of its own, which commits in groups.
 *
 * @throws JournalError UNWRITABLE, IN_USE, UNREADABLE, UNSAFE
 */
export async function openSqliteJournal(options: SqliteJournalOptions): Promise<Journal> {
  const { folder, observer, onFatal, reserveBytes = 0, newJournal = false } = options;
  const { backend, info } = await ThreadBackend.start({ folder: resolve(folder), reserveBytes, newJournal });
  const pending = new PendingRequests({ observer, onFatal, lastCursor: info.lastCursor });
  backend.listen({
    answered: (answers) => pending.settle(answers),
    failed: (error) => pending.fail(error),
  });
  return new QueuedJournal({ info, pending, backend });
}

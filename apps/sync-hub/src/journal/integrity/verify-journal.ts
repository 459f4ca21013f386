import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { JournalError } from '../journal-error.ts';
import { FILE_NAME, openReadOnly } from '../sqlite/database.ts';
import { checkEvents, checkRecords, headProblems, pageProblems } from './check-rows.ts';
import { missingCommits, readHighWater } from './high-water-mark.ts';

/** More say nothing more. */
const MAX_PROBLEMS = 100;

/** What a journal holds, and what of it is not as it was written. */
export interface JournalReport {
  readonly path: string;
  readonly sizeBytes: number;
  readonly events: number;
  readonly deliveries: number;
  readonly records: number;
  /** Deliveries that are not settled. */
  readonly unsettled: number;
  readonly deadLetters: number;
  /** Sentences that name a place; none: it is intact. At most 100. */
  readonly problems: readonly string[];
}

/**
 * Reads all of a journal that no hub has open, changes nothing in it, and says whether it is intact: its pages and
 * indexes, every row by its checksum, every delivery with its event and its newest record, every key with its head.
 *
 * @throws {JournalError} IN_USE, UNSAFE, UNREADABLE when it is not a journal, or is so damaged that it cannot be opened
 */
export function verifyJournal(folder: string): JournalReport {
  const path = join(resolve(folder), FILE_NAME);
  if (!existsSync(path)) {
    throw new JournalError('UNREADABLE', `There is no journal ${path}. Name the hub's data folder.`);
  }
  const database = openReadOnly(path);
  try {
    const problems = new Set(findProblems(database, path));
    return {
      path,
      sizeBytes: statSync(path).size,
      ...counts(database),
      problems: [...problems].slice(0, MAX_PROBLEMS),
    };
  } finally {
    database.close();
  }
}

function* findProblems(database: DatabaseSync, path: string): Generator<string> {
  const checks: Readonly<Record<string, () => Iterable<readonly string[]>>> = {
    pages: () => [pageProblems(database, MAX_PROBLEMS)],
    commits: () => [[missingCommits(path, readHighWater(database)) ?? []].flat()],
    events: () => checkEvents(database),
    records: () => checkRecords(database),
    heads: () => [headProblems(database, MAX_PROBLEMS)],
  };
  for (const [what, check] of Object.entries(checks)) {
    try {
      for (const problems of check()) yield* problems;
    } catch (error) {
      // A page is missing or is not one.
      yield `its ${what} could not be checked to the end: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
}

function counts(
  database: DatabaseSync,
): Pick<JournalReport, 'events' | 'deliveries' | 'records' | 'unsettled' | 'deadLetters'> {
  const count = (sql: string): number => {
    try {
      return Number(database.prepare(`SELECT count(*) AS count FROM ${sql}`).get()?.count);
    } catch {
      // It is damaged there, which is among the problems.
      return 0;
    }
  };
  return {
    events: count('event'),
    deliveries: count('delivery'),
    records: count('record'),
    unsettled: count('delivery WHERE state < 2'),
    deadLetters: count('delivery WHERE state = 4'),
  };
}

import type { DatabaseSync } from 'node:sqlite';
import { Damage } from './damage.ts';

/** 32 MiB, a third of a second. All pages and indexes of a larger journal would take too long for each start. */
const CHECKED_AT_START_BYTES = 32 * 1024 * 1024;

/**
 * Checks the shape of every page, and that each index holds exactly the rows that it should: of indexes no checksum of a
 * row tells, and what is missing in one is not found by those who look there. Skipped for a large journal, see scrub.ts.
 *
 * @throws Damage
 */
export function checkPages(database: DatabaseSync): void {
  const { sizeBytes } = database
    .prepare('SELECT page_count * page_size AS sizeBytes FROM pragma_page_count, pragma_page_size')
    .get() as { sizeBytes: number };
  if (sizeBytes > CHECKED_AT_START_BYTES) return;
  const found = String(database.prepare('PRAGMA integrity_check(1)').get()?.integrity_check);
  // The name of the database goes before it, on a line of its own.
  if (found !== 'ok') throw new Damage(found.replace(/^\*\*\*.*\n/, ''));
}

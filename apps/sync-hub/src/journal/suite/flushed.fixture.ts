import type { Journal } from '../journal.ts';

/** Resolves once all that was requested before is on disk and reported: a read is answered after that. */
export async function flushed(journal: Pick<Journal, 'readJobs'>): Promise<void> {
  await journal.readJobs();
}

import type { Config } from './config/config.ts';
import { lockFolder } from './files/folder-lock.ts';
import type { Journal } from './journal/journal.ts';
import { openPostgresJournal } from './journal/postgres/postgres-journal.ts';
import { openSqliteJournal } from './journal/sqlite/sqlite-journal.ts';

/** Part of the composition: the journal that the configuration names. It locks the data folder. */
export async function openJournal(config: Config, newJournal: boolean): Promise<Journal> {
  const { dataDir, journalUrl, diskReserveBytes } = config;
  if (journalUrl === undefined) {
    return openSqliteJournal({ folder: dataDir, reserveBytes: diskReserveBytes, newJournal });
  }
  const unlock = lockFolder(dataDir);
  try {
    const journal = await openPostgresJournal({ url: journalUrl });
    return { ...journal, close: () => journal.close().finally(unlock) };
  } catch (error) {
    unlock();
    throw error;
  }
}

import type { Config } from './config/config.ts';
import { lockFolder } from './files/folder-lock.ts';
import type { Journal } from './journal/journal.ts';
import { openPostgresJournal } from './journal/postgres/postgres-journal.ts';
import type { Hubs } from './journal/shared-journal.ts';
import { openSqliteJournal } from './journal/sqlite/sqlite-journal.ts';
import type { Log } from './telemetry/log.ts';

/** A journal, and the other hubs when it is shared. */
export interface OpenJournal {
  readonly journal: Journal;
  readonly hubs: Hubs | undefined;
}

/** Part of the composition: the journal that the configuration names. It locks the data folder. */
export async function openJournal(
  config: Config,
  { log, newJournal }: { readonly log: Log; readonly newJournal: boolean },
): Promise<OpenJournal> {
  const { dataDir, journalUrl, diskReserveBytes } = config;
  if (journalUrl === undefined) {
    const journal = await openSqliteJournal({ folder: dataDir, reserveBytes: diskReserveBytes, newJournal });
    return { journal, hubs: undefined };
  }
  const unlock = lockFolder(dataDir);
  try {
    const { hubs, ...journal } = await openPostgresJournal({
      url: journalUrl,
      report: (level, text) => log[level](text),
    });
    return { journal: { ...journal, close: () => journal.close().finally(unlock) }, hubs };
  } catch (error) {
    unlock();
    throw error;
  }
}

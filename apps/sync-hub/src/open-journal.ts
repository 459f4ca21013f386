import type { TokenStore } from './access/token-store.ts';
import type { Config } from './config/config.ts';
import { lockFolder } from './files/folder-lock.ts';
import type { Hubs } from './journal/cluster-journal.ts';
import type { Journal } from './journal/journal.ts';
import { openSqliteJournal } from './journal/sqlite/sqlite-journal.ts';
import type { Log } from './telemetry/log.ts';

/** A journal; and what hubs that share it have in common. */
export interface OpenJournal {
  readonly journal: Journal;
  readonly hubs: Hubs | undefined;
  readonly tokenStore: TokenStore | undefined;
}

/** Part of the composition: the journal that the configuration names. It locks the data folder. */
export async function openJournal(
  config: Config,
  { log, newJournal }: { readonly log: Log; readonly newJournal: boolean },
): Promise<OpenJournal> {
  const { dataDir, journalUrl, diskReserveBytes } = config;
  if (journalUrl === undefined) {
    const journal = await openSqliteJournal({ folder: dataDir, reserveBytes: diskReserveBytes, newJournal });
    return { journal, hubs: undefined, tokenStore: undefined };
  }
  const unlock = lockFolder(dataDir);
  try {
    // Loaded where it is used: each start of a hub with the embedded journal would pay for it.
    const { openPostgresJournal } = await import('./journal/postgres/postgres-journal.ts');
    const { hubs, tokenStore, ...journal } = await openPostgresJournal({
      url: journalUrl,
      report: (level, text) => log[level](text),
    });
    return { journal: { ...journal, close: () => journal.close().finally(unlock) }, hubs, tokenStore };
  } catch (error) {
    unlock();
    throw error;
  }
}

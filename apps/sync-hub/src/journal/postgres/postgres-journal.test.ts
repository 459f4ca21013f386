import { createDatabase } from '@hms-sync/testing/postgres';
import { describeJournal } from '../journal.suite.ts';
import { openPostgresJournal } from './postgres-journal.ts';

describeJournal('postgres journal', async () => {
  const { url, remove } = await createDatabase();
  return {
    open: (isFull) => openPostgresJournal({ url, ...(isFull && { bytesMax: 0 }) }),
    remove,
  };
});

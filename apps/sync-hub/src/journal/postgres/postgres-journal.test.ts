import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { describeJournal } from '../journal.suite.ts';
import { openPostgresJournal } from './postgres-journal.ts';

const URL = process.env.DEV_PG ?? 'postgres://postgres@127.0.0.1:5499/postgres';

describeJournal('postgres journal', async () => {
  const schema = `test_${randomBytes(6).toString('hex')}`;
  return {
    open: (isFull) => openPostgresJournal({ url: `${URL}?schema=${schema}`, ...(isFull && { bytesMax: 0 }) }),
    remove: async () => {
      const client = new Client({ connectionString: URL });
      await client.connect();
      await client.query(`DROP SCHEMA ${schema} CASCADE`);
      await client.end();
    },
  };
});

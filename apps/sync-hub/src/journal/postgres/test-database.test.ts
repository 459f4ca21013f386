import { useDatabase } from '@hms-sync/testing/postgres';
import { Client } from 'pg';
import { expect, it } from 'vitest';

it("the hub's tests have a PostgreSQL that the hub supports", async () => {
  const client = new Client(await useDatabase());
  await client.connect();
  const { rows } = await client.query("select current_setting('server_version_num')::int as version");
  await client.end();
  expect(rows[0].version).toBeGreaterThanOrEqual(150_000);
});

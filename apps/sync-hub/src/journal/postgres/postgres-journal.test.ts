import { createDatabase, useDatabase } from '@hms-sync/testing/postgres';
import { Client } from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { describeJournal } from '../journal.suite.ts';
import { sampleAccept, sampleEvent } from '../suite/samples.fixture.ts';
import { openPostgresJournal } from './postgres-journal.ts';

describeJournal('postgres journal', async () => {
  const { url, remove } = await createDatabase();
  return {
    open: (isFull) => openPostgresJournal({ url, ...(isFull && { bytesMax: 0 }) }),
    remove,
  };
});

describe('postgres journal', () => {
  it('is full when the disk of the database is, and takes events again once there is room', async () => {
    const url = await useDatabase();
    const journal = await openPostgresJournal({ url });
    onTestFinished(() => journal.close());
    const known = sampleAccept(sampleEvent('e1'));
    expect(await journal.accept(known)).toMatchObject({ kind: 'accepted' });
    await execute(
      url,
      `SET search_path = hms_sync;
      CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE 'could not extend file "base/5/16384": No space left on device' USING ERRCODE = 'disk_full';
      END $$;
      CREATE TRIGGER no_space BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION no_space()`,
    );
    expect(await journal.accept(sampleAccept(sampleEvent('e2')))).toMatchObject({ kind: 'full' });
    expect(await journal.accept(known)).toMatchObject({ kind: 'duplicate' });
    await execute(url, 'DROP TRIGGER no_space ON hms_sync.event');
    expect(await journal.accept(sampleAccept(sampleEvent('e2')))).toMatchObject({ kind: 'accepted' });
  });

  it('that a newer hub has changed is left alone', async () => {
    const url = await useDatabase();
    await (await openPostgresJournal({ url })).close();
    await execute(url, 'UPDATE hms_sync.journal SET version = 99');
    await expect(openPostgresJournal({ url })).rejects.toMatchObject({
      code: 'UNREADABLE',
      message: expect.stringMatching(/newer hub \(version 99.*Install that version/),
    });
  });
});

async function execute(url: string, statements: string): Promise<void> {
  const client = new Client(url);
  await client.connect();
  await client.query(statements);
  await client.end();
}

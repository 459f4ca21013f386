import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, onTestFinished } from 'vitest';
import { acceptNew, deadLettered, sampleAccept, sampleEvent, sampleRecord } from '../suite/samples.suite.ts';
import { openSqliteJournal } from './sqlite-journal.ts';

const LATER = { settledBeforeMs: 1_800_000_000_000, maxEvents: 9, maxRecords: 99 };

it('a key is watched no more once nothing of it is open or dead: the table does not grow for ever', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hms-watched-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const observer = { accepted() {}, recorded() {}, reopened() {} };
  const journal = await openSqliteJournal({ folder, observer, onFatal() {} });
  const [dead, other, newest] = await Promise.all(
    ['dead', 'other', 'newest'].map((id) =>
      acceptNew(journal, sampleAccept(sampleEvent(id, { key: `of-${id}` }), { adapters: ['billing'] })),
    ),
  );
  if (!dead || !other || !newest) throw new Error('not accepted');
  for (const event of [dead, other]) journal.record(deadLettered(event));
  await journal.discard({ adapter: 'billing', seq: dead.seq, atMs: 1, reason: 'known' });
  journal.record(sampleRecord(newest));
  expect(await journal.prune(LATER)).toMatchObject({ events: 1 });
  await journal.close();
  const database = new DatabaseSync(join(folder, 'journal.db'), { readOnly: true });
  onTestFinished(() => database.close());
  expect(database.prepare('SELECT key FROM watched_key').all()).toEqual([{ key: 'of-other' }]);
});

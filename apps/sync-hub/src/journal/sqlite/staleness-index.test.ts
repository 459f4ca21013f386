import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, onTestFinished } from 'vitest';
import { Session } from '../suite/place.fixture.ts';
import { deadLettered, NOW_MS, sampleEvent, sampleRecord } from '../suite/samples.fixture.ts';
import { openSqliteJournal } from './sqlite-journal.ts';

const LATER = { settledBeforeMs: 1_800_000_000_000, maxEvents: 9, maxRecords: 99 };

it('a key is watched no more once nothing of it is open or dead: the table does not grow for ever', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hms-watched-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const session = new Session(await openSqliteJournal({ folder }));
  const { journal } = session;
  await session.openLanes();
  const [dead, other, newest] = await Promise.all(
    ['dead', 'other', 'newest'].map((id) =>
      session.acceptNew(sampleEvent(id, { key: `of-${id}` }), { to: ['billing'] }),
    ),
  );
  if (!dead || !other || !newest) throw new Error('not accepted');
  for (const event of [dead, other]) void session.record(deadLettered(event));
  await journal.discard({ adapter: 'billing', seq: dead.seq, atMs: 1, nowMs: NOW_MS, reason: 'known' });
  void session.record(sampleRecord(newest));
  expect(await journal.prune(LATER)).toMatchObject({ events: 1 });
  await journal.close();
  const database = new DatabaseSync(join(folder, 'journal.db'), { readOnly: true });
  onTestFinished(() => database.close());
  expect(database.prepare('SELECT key FROM watched_key').all()).toEqual([{ key: 'of-other' }]);
});

import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as elapse } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { openSqliteJournal } from '../sqlite/sqlite-journal.ts';
import { Session } from '../suite/place.fixture.ts';
import { deadLettered, sampleEvent, sampleRecord } from '../suite/samples.fixture.ts';
import { backUp } from './copy-journal.ts';
import { verifyJournal } from './verify-journal.ts';

async function useJournal() {
  const folder = mkdtempSync(join(tmpdir(), 'hms-sync-backup-'));
  const journal = await openSqliteJournal({ folder: join(folder, 'data') });
  onTestFinished(async () => {
    await journal.close();
    rmSync(folder, { recursive: true });
  });
  mkdirSync(join(folder, 'restored'), { mode: 0o700 });
  const session = new Session(journal);
  await session.openLanes();
  return { folder, journal, session, target: join(folder, 'restored', 'journal.db') };
}

it('copies all that was accepted before, while more is accepted and recorded', async () => {
  const { folder, journal, session, target } = await useJournal();
  const data = new Uint8Array(10_000).fill(7);
  const accept = (id: string) => session.acceptNew(sampleEvent(id, { data }));
  const before = await Promise.all(Array.from({ length: 500 }, (_, number) => accept(`before-${number}`)));
  for (const event of before) void session.record(deadLettered(event));
  let isOver = false;
  const backup = journal.backup(target).finally(() => {
    isOver = true;
  });
  let meanwhile = 0;
  while (!isOver) void session.record(sampleRecord(await accept(`meanwhile-${meanwhile++}`)));
  const result = await backup;
  expect(result).toEqual({ kind: 'done', path: target, sizeBytes: expect.any(Number) });
  expect(result).toMatchObject({ sizeBytes: statSync(target).size });
  expect(meanwhile).toBeGreaterThan(0);
  expect((statSync(target).mode & 0o777).toString(8)).toBe('600');
  expect(readdirSync(join(folder, 'restored'))).toEqual(['journal.db']);
  expect(verifyJournal(join(folder, 'restored'))).toMatchObject({ deadLetters: 500, problems: [] });
  const restored = await openSqliteJournal({ folder: join(folder, 'restored') });
  onTestFinished(() => restored.close());
  expect(restored.info.id).toBe(journal.info.id);
  expect(await restored.countDeliveriesOf({ states: ['dead_lettered'] })).toBe(500);
  expect(await restored.readEvent({ id: 'before-499' })).toMatchObject({ kind: 'found', event: before[499] });
});

it('waits for the end of a commit that is under way when it begins', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hms-sync-backup-'));
  const database = new DatabaseSync(join(folder, 'source.db'));
  onTestFinished(() => {
    database.close();
    rmSync(folder, { recursive: true });
  });
  database.exec('CREATE TABLE event (seq); BEGIN IMMEDIATE; INSERT INTO event VALUES (7)');
  const target = join(folder, 'copy.db');
  const copying = backUp(database, target);
  // It has begun, and begun again.
  await elapse(50);
  database.exec('COMMIT');
  expect(await copying).toMatchObject({ kind: 'done', path: target });
  const copy = new DatabaseSync(target);
  onTestFinished(() => copy.close());
  expect(copy.prepare('SELECT seq FROM event').all()).toMatchObject([{ seq: 7 }]);
});

it('refuses a target that is there, and one that cannot be made, and goes on', async () => {
  const { folder, journal, session, target } = await useJournal();
  writeFileSync(target, 'kept');
  expect(await journal.backup(target)).toEqual({ kind: 'rejected', reason: expect.stringContaining(target) });
  expect(statSync(target).size).toBe(4);
  const nowhere = join(folder, 'nowhere', 'journal.db');
  expect(await journal.backup(nowhere)).toEqual({ kind: 'rejected', reason: expect.stringContaining(nowhere) });
  expect((await session.accept(sampleEvent('a'))).kind).toBe('accepted');
});

it('starts again over what a hub left that was killed in the middle of a backup', async () => {
  const { folder, journal, session, target } = await useJournal();
  await session.acceptNew(sampleEvent('a'));
  writeFileSync(`${target}.partial`, 'half a journal');
  writeFileSync(`${target}.partial-journal`, 'a rollback of it');
  expect(await journal.backup(target)).toMatchObject({ kind: 'done', path: target });
  expect(readdirSync(join(folder, 'restored'))).toEqual(['journal.db']);
  expect(verifyJournal(join(folder, 'restored'))).toMatchObject({ problems: [] });
});

it('is refused by a journal that was closed', async () => {
  const { journal, target } = await useJournal();
  await journal.close();
  await expect(journal.backup(target)).rejects.toMatchObject({ code: 'CLOSED' });
});

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { acceptNew, sampleAccept, sampleEvent, sampleRecord } from '../suite/samples.suite.ts';
import { openSqliteJournal } from './sqlite-journal.ts';
import { verifyJournal } from './verify-journal.ts';

const WAL_HEADER_BYTES = 32;

function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), 'hms-sync-mark-'));
}

function openJournal(folder: string) {
  return openSqliteJournal({ folder, observer: { accepted() {}, recorded() {}, reopened() {} }, onFatal() {} });
}

/** As a hub left it that was killed after it told of two events and a record; all of it is in the log. */
let killed: string;
/** The same when it had told of the first event alone. */
let killedEarlier: string;

beforeAll(async () => {
  const folder = makeFolder();
  [killed, killedEarlier] = [makeFolder(), makeFolder()];
  const journal = await openJournal(folder);
  const event = await acceptNew(journal, sampleAccept(sampleEvent('a')));
  cpSync(folder, killedEarlier, { recursive: true });
  await acceptNew(journal, sampleAccept(sampleEvent('b')));
  journal.record(sampleRecord(event));
  await journal.readStatistics();
  cpSync(folder, killed, { recursive: true });
  await journal.close();
  rmSync(folder, { recursive: true });
  return () => {
    for (const copy of [killed, killedEarlier]) rmSync(copy, { recursive: true });
  };
});

let folder: string;
let path: string;

beforeEach(() => {
  folder = makeFolder();
  path = join(folder, 'journal.db');
  cpSync(killed, folder, { recursive: true });
  return () => rmSync(folder, { recursive: true });
});

async function expectRefused(message: RegExp): Promise<void> {
  await expect(openJournal(folder)).rejects.toMatchObject({
    code: 'UNREADABLE',
    message: expect.stringMatching(message),
  });
}

async function expectEvents(ids: readonly string[]): Promise<void> {
  const journal = await openJournal(folder);
  onTestFinished(() => journal.close());
  const found = await Promise.all(['a', 'b'].map((id) => journal.readEvent(id)));
  expect(found.flatMap((stored) => stored?.event.id ?? [])).toEqual(ids);
}

it('lets a journal be opened that is whole', () => expectEvents(['a', 'b']));

it('tells a log that lost its end from one that was never longer, and keeps it', async () => {
  cpSync(`${killedEarlier}/journal.db-wal`, `${path}-wal`);
  const log = readFileSync(`${path}-wal`);
  await expectRefused(/ends with seq 1 and record 0, but a hub already told of seq 2 and record 1: its log/);
  expect(readFileSync(`${path}-wal.kept`).equals(log)).toBe(true);
  // Also when the log is gone, moved into the database as that was closed.
  await expectRefused(/ends with seq 1/);
  expect(verifyJournal(folder).problems).toEqual([expect.stringMatching(/ends with seq 1/)]);
});

it('misses a record too, though no event is missing', async () => {
  const journal = await openJournal(folder);
  journal.record(sampleRecord(present(await journal.readEvent('b'))));
  await journal.readStatistics();
  const mark = readFileSync(`${path}-end`);
  await journal.close();
  for (const file of readdirSync(folder)) rmSync(join(folder, file));
  cpSync(killed, folder, { recursive: true });
  writeFileSync(`${path}-end`, mark);
  await expectRefused(/seq 2 and record 1, but a hub already told of seq 2 and record 2/);
});

it('goes on with what is there once a person has removed the mark', async () => {
  truncateSync(`${path}-wal`, WAL_HEADER_BYTES);
  rmSync(`${path}-end`);
  await expectEvents([]);
});

it('is no harm when it is behind, as a power cut may leave it', async () => {
  cpSync(`${killedEarlier}/journal.db-end`, `${path}-end`);
  await expectEvents(['a', 'b']);
});

it.each([0, 5, 27])('is no harm when it is damaged at byte %i', async (place) => {
  const bytes = readFileSync(`${path}-end`);
  bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place);
  writeFileSync(`${path}-end`, bytes);
  await expectEvents(['a', 'b']);
});

it('tells the files of another journal that were put in its place', async () => {
  const other = makeFolder();
  onTestFinished(() => rmSync(other, { recursive: true }));
  await (await openJournal(other)).close();
  cpSync(`${path}-end`, join(other, 'journal.db-end'));
  await expect(openJournal(other)).rejects.toMatchObject({
    message: expect.stringMatching(/and the one that was here/),
  });
});

function present<Stored extends { readonly event: unknown }>(stored: Stored | undefined): Stored['event'] {
  if (stored === undefined) throw new Error('the event is not there');
  return stored.event;
}

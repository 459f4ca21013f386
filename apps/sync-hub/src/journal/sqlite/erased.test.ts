import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { Session } from '../suite/place.fixture.ts';
import { sampleEvent, sampleRecord } from '../suite/samples.fixture.ts';
import { openSqliteJournal } from './sqlite-journal.ts';

const MARK = 'patient-0117-chart';

function useFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hms-sync-erased-'));
  chmodSync(folder, 0o700);
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function openJournal(folder: string): Promise<Session> {
  const session = new Session(await openSqliteJournal({ folder }));
  await session.openLanes();
  return session;
}

/** Which files of a folder hold a text. */
function filesWith(folder: string, text: string): readonly string[] {
  return readdirSync(folder).filter((name) => readFileSync(join(folder, name)).includes(text));
}

/** Events whose every field that a publisher or an adapter chooses holds the mark, all of them delivered. */
async function settleMarked(session: Session): Promise<void> {
  for (let number = 0; number < 40; number++) {
    // From a few bytes to many pages: a payload may lie in its row, or in pages of its own.
    const data = new Uint8Array(Buffer.from(`${MARK} `.repeat(1 + 20 * number)));
    const marked = { data, key: `${MARK}-${number % 3}`, source: MARK, attributes: { note: MARK } };
    const event = await session.acceptNew(sampleEvent(`${MARK}-${number}`, marked), { to: ['billing'] });
    const record = sampleRecord(event);
    void session.record({ ...record, ...(record.attempt && { attempt: { ...record.attempt, receipt: MARK } }) });
  }
  // The newest event is kept, so the marked ones must not be the newest.
  void session.record(sampleRecord(await session.acceptNew(sampleEvent('last'))));
}

it('nothing of a deleted event can be read from the files once a round of retention is over', async () => {
  const folder = useFolder();
  const session = await openJournal(folder);
  const { journal } = session;
  onTestFinished(() => journal.close());
  await settleMarked(session);
  expect(filesWith(folder, MARK)).toEqual(['journal.db-wal']);
  let afterSeq: number | undefined = 0;
  while (afterSeq !== undefined) {
    const bounds = { settledBeforeMs: Number.MAX_SAFE_INTEGER, maxEvents: 7, maxRecords: 100 };
    afterSeq = (await journal.prune({ ...bounds, afterSeq })).next;
  }
  await journal.readStatistics();
  expect(filesWith(folder, MARK)).toEqual([]);
  expect(await journal.readEvent({ id: 'last' })).toMatchObject({ kind: 'found' });
});

it('nor from the database, when its rows were moved there from the log before they were deleted', async () => {
  const folder = useFolder();
  const before = await openJournal(folder);
  await settleMarked(before);
  await before.journal.close();
  expect(filesWith(folder, MARK)).toEqual(['journal.db']);
  const { journal } = await openJournal(folder);
  await journal.prune({ settledBeforeMs: Number.MAX_SAFE_INTEGER, maxEvents: 100, maxRecords: 1_000 });
  await journal.readStatistics();
  expect(filesWith(folder, MARK)).toEqual([]);
  await journal.close();
  expect(filesWith(folder, MARK)).toEqual([]);
});

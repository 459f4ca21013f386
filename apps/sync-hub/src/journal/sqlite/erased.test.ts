import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { Journal } from '../journal.ts';
import { acceptNew, sampleAccept, sampleEvent, sampleRecord } from '../suite/samples.suite.ts';
import { openSqliteJournal } from './sqlite-journal.ts';

const MARK = 'patient-0117-chart';

function useFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hms-sync-erased-'));
  chmodSync(folder, 0o700);
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

function openJournal(folder: string): Promise<Journal> {
  return openSqliteJournal({ folder, observer: { accepted() {}, recorded() {}, reopened() {} }, onFatal() {} });
}

/** Which files of a folder hold a text. */
function filesWith(folder: string, text: string): readonly string[] {
  return readdirSync(folder).filter((name) => readFileSync(join(folder, name)).includes(text));
}

/** Events whose every field that a publisher or an adapter chooses holds the mark, all of them delivered. */
async function settleMarked(journal: Journal): Promise<void> {
  for (let number = 0; number < 40; number++) {
    // From a few bytes to many pages: a payload may lie in its row, or in pages of its own.
    const data = new Uint8Array(Buffer.from(`${MARK} `.repeat(1 + 20 * number)));
    const marked = { data, key: `${MARK}-${number % 3}`, source: MARK, attributes: { note: MARK } };
    const event = await acceptNew(
      journal,
      sampleAccept(sampleEvent(`${MARK}-${number}`, marked), { adapters: ['billing'] }),
    );
    const record = sampleRecord(event);
    journal.record({ ...record, ...(record.attempt && { attempt: { ...record.attempt, receipt: MARK } }) });
  }
  // The newest event and record are kept, so the marked ones must not be the newest.
  journal.record(sampleRecord(await acceptNew(journal, sampleAccept(sampleEvent('last')))));
}

it('nothing of a deleted event can be read from the files once a round of retention is over', async () => {
  const folder = useFolder();
  const journal = await openJournal(folder);
  onTestFinished(() => journal.close());
  await settleMarked(journal);
  expect(filesWith(folder, MARK)).toEqual(['journal.db-wal']);
  let afterSeq: number | undefined = 0;
  while (afterSeq !== undefined) {
    const bounds = { settledBeforeMs: Number.MAX_SAFE_INTEGER, maxEvents: 7, maxRecords: 100 };
    afterSeq = (await journal.prune({ ...bounds, afterSeq })).next;
  }
  await journal.readStatistics();
  expect(filesWith(folder, MARK)).toEqual([]);
  expect((await journal.readEvent('last'))?.event.id).toBe('last');
});

it('nor from the database, when its rows were moved there from the log before they were deleted', async () => {
  const folder = useFolder();
  const before = await openJournal(folder);
  await settleMarked(before);
  await before.close();
  expect(filesWith(folder, MARK)).toEqual(['journal.db']);
  const journal = await openJournal(folder);
  await journal.prune({ settledBeforeMs: Number.MAX_SAFE_INTEGER, maxEvents: 100, maxRecords: 1_000 });
  await journal.readStatistics();
  expect(filesWith(folder, MARK)).toEqual([]);
  await journal.close();
  expect(filesWith(folder, MARK)).toEqual([]);
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { describeJournal } from '../journal.suite.ts';
import type { JournalError } from '../journal-error.ts';
import { sampleAccept, sampleEvent } from '../suite/samples.fixture.ts';
import { openSqliteJournal } from './sqlite-journal.ts';

async function useFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-journal-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

describeJournal('sqlite journal', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-journal-'));
  return {
    // No disk has so much: what is free is less than the reserve.
    open: (isFull) => openSqliteJournal({ folder, ...(isFull ? { reserveBytes: Number.MAX_SAFE_INTEGER } : {}) }),
    remove: () => rm(folder, { recursive: true }),
  };
});

describe('sqlite journal', () => {
  it('refuses to be opened by a second one, and lets the next one in once it is closed', async () => {
    const folder = await useFolder();
    const journal = await openSqliteJournal({ folder });
    const second = openSqliteJournal({ folder });
    await expect(second).rejects.toMatchObject({ name: 'JournalError', code: 'IN_USE' });
    await journal.accept(sampleAccept(sampleEvent('a')));
    await journal.close();
    const next = await openSqliteJournal({ folder });
    onTestFinished(() => next.close());
    expect(await next.readEvent({ id: 'a' })).toMatchObject({ event: { id: 'a' } });
  });

  it('fails when its thread ends', async () => {
    const folder = await useFolder();
    const started = new Promise<Worker>((resolve) => process.once('worker', resolve));
    const failed = Promise.withResolvers<JournalError>();
    const journal = await openSqliteJournal({ folder });
    journal.subscribe({ committed() {}, ended: failed.resolve });
    await journal.accept(sampleAccept(sampleEvent('a')));
    const late = (await started).terminate().then(() => journal.accept(sampleAccept(sampleEvent('b'))));
    expect((await failed.promise).code).toBe('FAILED');
    await expect(late).rejects.toMatchObject({ code: 'FAILED' });
    await journal.close();
  });

  it('measures its commits', async () => {
    const folder = await useFolder();
    const journal = await openSqliteJournal({ folder });
    onTestFinished(() => journal.close());
    expect((await journal.readStatistics()).commitLatencyMs).toBeUndefined();
    await journal.accept(sampleAccept(sampleEvent('a')));
    expect((await journal.readStatistics()).commitLatencyMs).toBeGreaterThan(0);
  });

  it('names the folder when it cannot be opened', async () => {
    const folder = join(import.meta.filename, 'below-a-file');
    const rejected = openSqliteJournal({ folder });
    await expect(rejected).rejects.toMatchObject({ code: 'UNWRITABLE', message: expect.stringContaining(folder) });
  });
});

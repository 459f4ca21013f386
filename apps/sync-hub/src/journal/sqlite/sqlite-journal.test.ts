import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { AcceptedEvent } from '../../core/event.ts';
import { describeJournal } from '../journal.suite.ts';
import type { Journal, JournalError } from '../journal.ts';
import { MemoryJournal } from '../memory/memory-journal.ts';
import { anySteps, type JournalStep } from '../suite/requests.suite.ts';
import { sampleAccept, sampleEvent } from '../suite/samples.suite.ts';
import { openSqliteJournal } from './sqlite-journal.ts';

const silent = { observer: { accepted() {}, recorded() {}, reopened() {} }, onFatal() {} };

function makeFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'hms-sync-journal-'));
}

describeJournal('sqlite journal', async () => {
  const folder = await makeFolder();
  return {
    open: ({ observer, onFatal, isFull }) =>
      // No disk has so much: what is free is less than the reserve.
      openSqliteJournal({ folder, observer, onFatal, ...(isFull ? { reserveBytes: Number.MAX_SAFE_INTEGER } : {}) }),
    remove: () => rm(folder, { recursive: true }),
  };
});

describe('sqlite journal', () => {
  it('answers any sequence of requests as the memory journal does, before and after it is opened again', async () => {
    await fc.assert(
      fc.asyncProperty(anySteps, anySteps, async (before, after) => {
        const folder = await makeFolder();
        const memory = new MemoryJournal(silent);
        const sqlite = await openSqliteJournal({ folder, ...silent });
        expect(await perform(sqlite, before)).toEqual(await perform(memory, before));
        await Promise.all([memory.close(), sqlite.close()]);
        const memoryAgain = new MemoryJournal({ ...silent, disk: memory.disk });
        const sqliteAgain = await openSqliteJournal({ folder, ...silent });
        expect(await perform(sqliteAgain, after)).toEqual(await perform(memoryAgain, after));
        await sqliteAgain.close();
        await rm(folder, { recursive: true });
      }),
      // Looking for the smallest that fails would take longer than the test may, and hide what failed.
      { numRuns: 5, endOnFailure: true },
    );
  });

  it('fails when its thread ends', async () => {
    const folder = await makeFolder();
    onTestFinished(() => rm(folder, { recursive: true }));
    const started = new Promise<Worker>((resolve) => process.once('worker', resolve));
    const failed = Promise.withResolvers<JournalError>();
    const journal = await openSqliteJournal({ ...silent, folder, onFatal: failed.resolve });
    await journal.accept(sampleAccept(sampleEvent('a')));
    const late = (await started).terminate().then(() => journal.accept(sampleAccept(sampleEvent('b'))));
    expect((await failed.promise).code).toBe('FAILED');
    await expect(late).rejects.toMatchObject({ code: 'FAILED' });
    await journal.close();
  });

  it('measures its commits', async () => {
    const folder = await makeFolder();
    const journal = await openSqliteJournal({ folder, ...silent });
    onTestFinished(async () => {
      await journal.close();
      await rm(folder, { recursive: true });
    });
    expect((await journal.readStatistics()).commitLatencyMs).toBeUndefined();
    await journal.accept(sampleAccept(sampleEvent('a')));
    expect((await journal.readStatistics()).commitLatencyMs).toBeGreaterThan(0);
  });

  it('names the folder when it cannot be opened', async () => {
    const folder = join(import.meta.filename, 'below-a-file');
    const refused = openSqliteJournal({ folder, ...silent });
    await expect(refused).rejects.toMatchObject({ code: 'UNWRITABLE', message: expect.stringContaining(folder) });
  });
});

/** Requests in one go: several share a commit, in both journals at other places. */
async function perform(journal: Journal, steps: readonly JournalStep[]): Promise<readonly unknown[]> {
  const accepted: AcceptedEvent[] = [];
  const answers: unknown[] = [];
  for (let start = 0; start < steps.length; start += 10) {
    const batch = await Promise.all(steps.slice(start, start + 10).map((step) => step(journal, accepted)));
    for (const answer of batch) if (isAccepted(answer)) accepted.push(answer.event);
    answers.push(...batch);
    if (start % 50 === 40) answers.push(await prune(journal, accepted));
  }
  return answers;
}

/** Apart from the other requests, which name only events that are there. */
async function prune(journal: Journal, accepted: AcceptedEvent[]): Promise<unknown> {
  const answer = await journal.prune({ settledBeforeMs: Number.MAX_SAFE_INTEGER, maxEvents: 20, maxRecords: 30 });
  const kept = await Promise.all(accepted.map(({ id }) => journal.readEvent(id)));
  accepted.splice(0, accepted.length, ...kept.flatMap((stored) => stored?.event ?? []));
  return answer;
}

function isAccepted(answer: unknown): answer is { kind: 'accepted'; event: AcceptedEvent } {
  return typeof answer === 'object' && answer !== null && 'kind' in answer && answer.kind === 'accepted';
}

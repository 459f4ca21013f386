import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import type { JournalError } from '../journal.ts';
import { acceptNew, deadLettered, retrying, sampleAccept, sampleEvent, sampleRecord } from '../suite/samples.suite.ts';
import { openSqliteJournal } from './sqlite-journal.ts';

/** A journal in which one event was delivered and one is dead and open, changed by SQL behind the hub's back. */
async function useChanged(sql: string) {
  const folder = mkdtempSync(join(tmpdir(), 'hms-sync-checksum-'));
  const failed = Promise.withResolvers<JournalError>();
  const options = { folder, observer: { accepted() {}, recorded() {}, reopened() {} }, onFatal: failed.resolve };
  const journal = await openSqliteJournal(options);
  const a = await acceptNew(journal, sampleAccept(sampleEvent('a')));
  journal.record(sampleRecord(a));
  const b = await acceptNew(journal, sampleAccept(sampleEvent('b')));
  journal.record(deadLettered(b));
  // As much again as is looked at when it is opened: the damage is found later, where it is read.
  const fillers = Array.from({ length: 64 }, (_, number) => sampleAccept(sampleEvent(`filler-${number}`)));
  const [filler = b] = await Promise.all(fillers.map((filler) => acceptNew(journal, filler)));
  for (let attempts = 1; attempts <= 1_024; attempts++) journal.record(retrying(filler, { attempts }));
  await journal.close();
  const database = new DatabaseSync(join(folder, 'journal.db'));
  database.exec(sql);
  database.close();
  const reopened = await openSqliteJournal(options);
  onTestFinished(async () => {
    await reopened.close();
    rmSync(folder, { recursive: true });
  });
  return { journal: reopened, failed: failed.promise };
}

it.each([
  ["UPDATE event SET key = 'process-8' WHERE id = 'a'", 'seq 1'],
  ["UPDATE event SET data = x'00' WHERE id = 'a'", 'the payload of seq 1'],
  ["UPDATE event SET content_hash = x'00' WHERE id = 'a'", 'seq 1'],
  ['UPDATE event SET time_ms = time_ms + 0.5 WHERE seq = 1', 'seq 1'],
  ['DELETE FROM delivery WHERE seq = 1 AND adapter = 2', 'seq 1'],
  ['UPDATE delivery SET attempts = 2 WHERE seq = 1 AND adapter = 1', 'the delivery of seq 1 to billing'],
  ['UPDATE record SET at_ms = at_ms - 1 WHERE cursor = 1', 'record 1'],
  ["UPDATE record SET receipt = 'no' WHERE cursor = 1", 'record 1'],
  ['DELETE FROM record WHERE cursor = 1', 'record 1'],
])('ends the journal as damaged when an event is read after: %s', async (sql, place) => {
  const { journal, failed } = await useChanged(sql);
  const damaged = {
    code: 'UNREADABLE',
    message: expect.stringMatching(new RegExp(`journal\\.db is damaged: ${place} `)),
  };
  await expect(journal.readEvent('a')).rejects.toMatchObject(damaged);
  expect(await failed).toMatchObject(damaged);
  await expect(journal.readEvent('b')).rejects.toMatchObject(damaged);
});

it.each([
  ["UPDATE event SET type = 'Other' WHERE id = 'b'", 'seq 2'],
  ['UPDATE delivery SET spent = 7 WHERE seq = 2 AND adapter = 1', 'the delivery of seq 2 to billing'],
  ["UPDATE record SET message = 'fine' WHERE cursor = 2", 'record 2'],
])('ends the journal as damaged when a dead letter is listed after: %s', async (sql, place) => {
  const { journal } = await useChanged(sql);
  const listed = journal.listDeliveries({ filter: { states: ['dead_lettered'] }, limit: 9 });
  await expect(listed).rejects.toMatchObject({ code: 'UNREADABLE', message: expect.stringContaining(place) });
});

it.each([
  ["UPDATE event SET data = x'00' WHERE id = 'b'", 'the payload of seq 2'],
  ['UPDATE delivery SET not_before_ms = 1 WHERE seq = 2 AND adapter = 2', 'the delivery of seq 2 to records'],
  ["UPDATE delivery SET key = 'z' WHERE seq = 2", 'the key of seq 2'],
])('ends the journal as damaged when an open delivery is fetched after: %s', async (sql, place) => {
  const { journal } = await useChanged(sql);
  const fetched = journal.fetchOpen({ adapter: 'records', afterSeq: 1, limit: 9, limitBytes: 9_999 });
  await expect(fetched).rejects.toMatchObject({ code: 'UNREADABLE', message: expect.stringContaining(place) });
});

it('takes no text or number for damage that SQLite gives back as another one', async () => {
  const { journal } = await useChanged('SELECT 1');
  const anyText = fc.string({ unit: 'binary' });
  const anyTime = fc.double({ noNaN: true, noDefaultInfinity: true });
  let number = 0;
  await fc.assert(
    fc.asyncProperty(anyText, anyTime, anyText, async (text, timeMs, message) => {
      const id = `event-${number++}`;
      const changes = { source: text, key: text, timeMs, attributes: { [text]: message } };
      const event = await acceptNew(journal, sampleAccept(sampleEvent(id, changes)));
      const failure = { code: text, message };
      journal.record(
        deadLettered(event, {
          atMs: timeMs,
          adapterVersion: text,
          attempt: { startedAtMs: timeMs, durationMs: timeMs, outcome: 'permanent', receipt: '', failure },
        }),
      );
      expect((await journal.readEvent(id))?.deliveries[0]?.records).toHaveLength(1);
    }),
    { numRuns: 30 },
  );
});

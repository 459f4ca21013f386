import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import type { JournalError } from '../journal-error.ts';
import { change, useFolder } from '../sqlite/fixtures/old-journal.fixture.ts';
import { openSqliteJournal } from '../sqlite/sqlite-journal.ts';
import { ADAPTERS, Session } from '../suite/place.fixture.ts';
import { deadLettered, NOW_MS, retrying, sampleEvent, sampleRecord } from '../suite/samples.fixture.ts';

// What is read of a journal is checked as it is read.

async function open(folder: string): Promise<Session> {
  const session = new Session(await openSqliteJournal({ folder }));
  onTestFinished(() => session.journal.close());
  await session.openLanes();
  return session;
}

/** A journal in which one event was delivered and one is dead and open, changed by SQL behind the hub's back. */
async function useChanged(sql: string) {
  const folder = useFolder();
  const before = await open(folder);
  const a = await before.acceptNew(sampleEvent('a'));
  void before.record(sampleRecord(a));
  const b = await before.acceptNew(sampleEvent('b'));
  void before.record(deadLettered(b));
  // As much again as is checked when it is opened: the corruption is found later, where it is read.
  let filler = b;
  for (let number = 0; number < 64; number++) filler = await before.acceptNew(sampleEvent(`filler-${number}`));
  for (let attempts = 1; attempts <= 256; attempts++) void before.record(retrying(filler, { attempts }));
  await before.journal.close();
  change(folder, sql);
  const journal = await openSqliteJournal({ folder });
  onTestFinished(() => journal.close());
  const { promise: ended, resolve } = Promise.withResolvers<JournalError>();
  journal.subscribe({ committed() {}, ended: resolve });
  return { journal, ended };
}

it.each([
  ["UPDATE event SET key = 'process-8' WHERE id = 'a'", 'seq 1'],
  ["UPDATE event SET data = x'00' WHERE id = 'a'", 'the payload of seq 1'],
  ["UPDATE event SET content_hash = x'00' WHERE id = 'a'", 'seq 1'],
  ['UPDATE event SET time_ms = time_ms + 0.5 WHERE seq = 1', 'seq 1'],
  ['DELETE FROM delivery WHERE seq = 1 AND adapter = 2', 'seq 1'],
  ['UPDATE delivery SET attempts = 2 WHERE seq = 1 AND adapter = 1', 'the delivery of seq 1 to billing'],
  ['UPDATE record SET at_ms = at_ms - 1 WHERE seq = 1', 'record 1 of billing'],
  ["UPDATE record SET receipt = 'no' WHERE seq = 1", 'record 1 of billing'],
])('ends the journal as damaged when an event is read after: %s', async (sql, place) => {
  const { journal, ended } = await useChanged(sql);
  const corrupted = {
    code: 'UNREADABLE',
    message: expect.stringMatching(new RegExp(`journal\\.db is damaged: ${place} `)),
  };
  await expect(journal.readEvent({ id: 'a' })).rejects.toMatchObject(corrupted);
  expect(await ended).toMatchObject(corrupted);
  await expect(journal.readEvent({ id: 'b' })).rejects.toMatchObject(corrupted);
});

it.each([
  ["UPDATE event SET type = 'Other' WHERE id = 'b'", 'seq 2'],
  ['UPDATE delivery SET spent = 7 WHERE seq = 2 AND adapter = 1', 'the delivery of seq 2 to billing'],
  ["UPDATE record SET message = 'fine' WHERE seq = 2", 'record 2 of billing'],
])('ends the journal as damaged when a dead letter is listed after: %s', async (sql, place) => {
  const { journal } = await useChanged(sql);
  const listed = journal.listDeliveries({ filter: { states: ['dead_lettered'] }, limit: 9 });
  await expect(listed).rejects.toMatchObject({ code: 'UNREADABLE', message: expect.stringContaining(place) });
});

it.each([
  ["UPDATE event SET data = x'00' WHERE id = 'a'", 'the payload of seq 1'],
  ['UPDATE delivery SET not_before_ms = 1 WHERE seq = 1 AND adapter = 2', 'the delivery of seq 1 to records'],
  ["UPDATE delivery SET key = 'z' WHERE seq = 1 AND adapter = 2", 'the delivery of seq 1 to records'],
])('ends the journal as damaged when a ready delivery is read after: %s', async (sql, place) => {
  const { journal } = await useChanged(sql);
  const read = journal.readReady({ adapter: 'records', nowMs: NOW_MS, limit: 9, limitBytes: 9_999 });
  await expect(read).rejects.toMatchObject({ code: 'UNREADABLE', message: expect.stringContaining(place) });
});

it.each([
  ['UPDATE delivery SET is_head = 0 WHERE seq = 1 AND adapter = 2', 'a head that is none'],
  ['DELETE FROM record WHERE seq = 1', 'a record that is missing'],
  ["UPDATE event SET id = 'z' WHERE seq = 2", 'an event that nobody asks for'],
])('ends the journal as damaged though nobody reads that, by its check in the background: %s', async (sql) => {
  const { ended } = await useChanged(sql);
  expect(await ended).toMatchObject({ code: 'UNREADABLE', message: expect.stringContaining('journal.db is damaged') });
});

it('takes no text or number for corruption that SQLite returns as another one', async () => {
  const session = await open(useFolder());
  const anyText = fc.string({ unit: 'binary' });
  const anyTime = fc.double({ noNaN: true, noDefaultInfinity: true });
  let number = 0;
  await fc.assert(
    fc.asyncProperty(anyText, anyTime, anyText, async (text, timeMs, message) => {
      const id = `event-${number++}`;
      const changes = { source: text, key: text, timeMs, attributes: { [text]: message } };
      const event = await session.acceptNew(sampleEvent(id, changes), { to: ADAPTERS });
      const failure = { code: text, message };
      const attempt = { startedAtMs: timeMs, durationMs: timeMs, outcome: 'permanent', receipt: '', failure } as const;
      await session.record(deadLettered(event, { atMs: timeMs, adapterVersion: text, attempt }));
      expect((await session.readEvent(id))?.deliveries[0]?.records).toHaveLength(1);
    }),
    { numRuns: 30 },
  );
});

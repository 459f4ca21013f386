import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { useFolder } from '../sqlite/fixtures/old-journal.fixture.ts';

/** A hub's life in short: an event is accepted, then the journal fails (a record names a delivery that is not there), or not. */
const program = `
  import { sampleAccept, sampleEvent, sampleRecord } from '${new URL('../suite/samples.fixture.ts', import.meta.url)}';
  import { openSqliteJournal } from '${new URL('../sqlite/sqlite-journal.ts', import.meta.url)}';
  const journal = await openSqliteJournal({ folder: process.argv[1] });
  journal.subscribe({ committed() {}, ended: () => process.exit(4) });
  await journal.setReceivers(['billing']);
  const { epoch } = await journal.openLane({ adapter: 'billing', onDeadLetter: 'hold', nowMs: 0, longestWaitMs: 1 });
  const { event } = await journal.accept(sampleAccept(sampleEvent('a')));
  const record = sampleRecord(event, { seq: 99 });
  if (process.argv[2] === 'fail') void journal.record({ record, epoch, nowMs: 0, dueAtMs: 0, notBeforeMs: 0 });
  else process.exit(4);
`;

/** Ends the program in one of two ways: its exit code, and whether its log is there. */
async function endOf(how: 'fail' | 'exit') {
  const folder = useFolder();
  const args = [...process.execArgv, '--eval', program, folder, how];
  const code = await new Promise((resolve) => execFile(process.execPath, args, (error) => resolve(error?.code)));
  const log = join(folder, 'journal.db-wal');
  return { code, hasLog: existsSync(log) && readFileSync(log).byteLength > 0 };
}

it('leaves the files of a journal that failed as they are, and keeps the exit code', async () => {
  expect(await endOf('fail')).toEqual({ code: 4, hasLog: true });
});

it('lets a journal that is well be closed at the end', async () => {
  expect(await endOf('exit')).toEqual({ code: 4, hasLog: false });
});

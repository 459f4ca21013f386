import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

/** A hub's life in short: something is accepted, the journal fails (it is told of a delivery that is not there), the end. */
const program = `
  import { sampleAccept, sampleEvent, sampleRecord } from '${new URL('../suite/samples.suite.ts', import.meta.url)}';
  import { openSqliteJournal } from '${new URL('./sqlite-journal.ts', import.meta.url)}';
  const journal = await openSqliteJournal({
    folder: process.argv[1],
    observer: { accepted() {}, recorded() {}, reopened() {} },
    onFatal: () => process.exit(4),
  });
  const { event } = await journal.accept(sampleAccept(sampleEvent('a')));
  if (process.argv[2] === 'fail') journal.record(sampleRecord(event, { seq: 99 }));
  else process.exit(4);
`;

/** Ends the program in one of two ways, and tells its exit code and whether its log is there. */
async function endOf(how: 'fail' | 'exit') {
  const folder = mkdtempSync(join(tmpdir(), 'hms-sync-end-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const args = [...process.execArgv, '--eval', program, folder, how];
  const code = await new Promise((resolve) => execFile(process.execPath, args, (error) => resolve(error?.code)));
  const log = join(folder, 'journal.db-wal');
  return { code, hasLog: existsSync(log) && readFileSync(log).byteLength > 0 };
}

it('leaves the files of a journal that failed as they are, and keeps the exit code', async () => {
  expect(await endOf('fail')).toEqual({ code: 4, hasLog: true });
});

it('lets a journal that is well be tidied up at the end', async () => {
  expect(await endOf('exit')).toEqual({ code: 4, hasLog: false });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { ExitCode } from './exit.ts';
import { openSqliteJournal } from './journal/sqlite/sqlite-journal.ts';
import { Session } from './journal/suite/place.fixture.ts';
import { deadLettered, sampleEvent } from './journal/suite/samples.fixture.ts';

const program = fileURLToPath(new URL('./verify.ts', import.meta.url));

async function run(...args: string[]) {
  const child = spawn(process.execPath, ['--conditions=@hms-sync/source', program, ...args]);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code, stdout, stderr };
}

/** The data folder of a hub that was stopped, with three events. */
async function useFolder(): Promise<{ folder: string; path: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-verify-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const journal = await openSqliteJournal({ folder });
  const session = new Session(journal);
  await session.openLanes();
  for (const id of ['a', 'b', 'c']) void session.record(deadLettered(await session.acceptNew(sampleEvent(id))));
  await journal.close();
  return { folder, path: join(folder, 'journal.db') };
}

it('says that a journal is intact, and what it holds', async () => {
  const { folder, path } = await useFolder();
  const { code, stdout } = await run('--data-dir', folder);
  expect(stdout).toMatch(
    /^\S+: \d+ bytes, 3 events, 6 deliveries \(3 not settled, 3 dead letters\), 3 records\nintact: /,
  );
  expect(code).toBe(ExitCode.OK);
  const asJson = await run('--data-dir', folder, '--json');
  expect(JSON.parse(asJson.stdout)).toEqual({
    ...{ path, size_bytes: expect.any(Number), events: 3, deliveries: 6, records: 3, unsettled: 3, dead_letters: 3 },
    problems: [],
  });
});

it('names the place where a byte is not as it was written', async () => {
  const { folder, path } = await useFolder();
  const bytes = await readFile(path);
  const place = bytes.indexOf('"by":"b"');
  expect(place).toBeGreaterThan(0);
  bytes[place + 6] = 'x'.charCodeAt(0);
  await writeFile(path, bytes);
  const { code, stdout } = await run('--data-dir', folder);
  expect(stdout).toMatch(/^damaged: .*seq 2/m);
  expect(stdout).toContain('restore a backup');
  expect(code).toBe(ExitCode.FAILED);
});

it('calls a file damaged that cannot even be opened', async () => {
  const { folder, path } = await useFolder();
  const bytes = await readFile(path);
  await writeFile(path, bytes.fill(0xff, 0, 100));
  const { code, stderr } = await run('--data-dir', folder);
  expect(stderr).toMatch(/^hms-sync: The journal \S+ is damaged/);
  expect(code).toBe(ExitCode.FAILED);
});

it('says what to do with a journal of an older hub', async () => {
  const { folder, path } = await useFolder();
  const database = new DatabaseSync(path);
  database.exec('PRAGMA user_version = 1');
  database.close();
  const { code, stderr } = await run('--data-dir', folder);
  expect(stderr).toContain('Start this hub on it once');
  expect(code).toBe(ExitCode.JOURNAL);
});

it.each([
  [[], ExitCode.USAGE, '--data-dir is missing'],
  [['--datadir', 'x'], ExitCode.USAGE, '--datadir'],
  [['--data-dir', '/nowhere'], ExitCode.JOURNAL, 'There is no journal'],
])('refuses %j', async (args, exitCode, message) => {
  const { code, stdout, stderr } = await run(...args);
  expect(stderr).toContain(message);
  expect(stdout).toBe('');
  expect(code).toBe(exitCode);
});

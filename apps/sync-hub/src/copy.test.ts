import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { useDatabase } from '@hms-sync/testing/postgres';
import { Client } from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { ExitCode } from './exit.ts';
import { COPY_FOLDER } from './journal/sqlite/journal-place.ts';
import { openSqliteJournal } from './journal/sqlite/sqlite-journal.ts';
import { Session } from './journal/suite/place.fixture.ts';
import { sampleEvent } from './journal/suite/samples.fixture.ts';

const program = fileURLToPath(new URL('./copy.ts', import.meta.url));

async function run(...args: string[]) {
  const child = spawn(process.execPath, ['--conditions=@hms-sync/source', program, ...args]);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code, stdout, stderr };
}

async function useFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-copy-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

async function useStoppedHub(): Promise<string> {
  const folder = await useFolder();
  const journal = await openSqliteJournal({ folder });
  const session = new Session(journal);
  await session.openLanes();
  for (const id of ['a', 'b']) await session.acceptNew(sampleEvent(id));
  await journal.close();
  return folder;
}

it('copies there and back, and says what it copied', async () => {
  const [folder, url, back] = [await useStoppedHub(), await useDatabase(), await useFolder()];
  const there = await run('--from', folder, '--to', url);
  expect(there).toMatchObject({ code: ExitCode.OK, stderr: expect.stringContaining('2 event rows copied\n') });
  expect(there.stdout).toMatch(
    /^copied: \S+journal\.db and postgres:\S+ \(schema hms_sync\) hold the same rows \(3 lane, 2 event, 4 delivery, 0 record, .*SHA-256 [0-9a-f]{64}\)\n$/,
  );
  const andBack = await run('--from', url, '--to', back, '--json');
  expect(andBack.code).toBe(ExitCode.OK);
  const { sha256, ...result } = JSON.parse(andBack.stdout);
  expect(there.stdout).toContain(sha256);
  expect(result).toEqual({
    from: expect.stringMatching(/^postgres:/),
    to: join(back, 'journal.db'),
    rows: { lane: 3, event: 2, delivery: 4, record: 0, watched_key: 0, replay_job: 0 },
    difference: null,
  });
});

it('ends with 1 when the copy is not the same', async () => {
  const [folder, url, back] = [await useStoppedHub(), await useDatabase(), await useFolder()];
  await run('--from', folder, '--to', url);
  const client = new Client(url);
  await client.connect();
  // As if it had been killed before it was compared.
  await client.query(
    `SET search_path = hms_sync; UPDATE journal SET is_copying = true; UPDATE event SET type = 'x' WHERE seq = 1`,
  );
  await client.end();
  const { code, stdout } = await run('--from', folder, '--to', url);
  expect(stdout).toMatch(/^not the same: event \(seq 1\) has another type in the copy\nThe copy is not finished/);
  expect(code).toBe(ExitCode.FAILED);
  expect(await run('--from', url, '--to', back)).toMatchObject({
    code: ExitCode.JOURNAL,
    stderr: expect.stringContaining('only an unfinished copy'),
  });
});

it.each([
  [['--to', 'x'], '--from is missing'],
  [['--from', 'x'], '--to is missing'],
  [['--form', 'x'], '--form'],
  [['--from', 'x', '--to', 'postgres://hub:secret@db/hms'], '--to holds a password'],
  [['--from', 'postgres://hub@db/hms?password=secret', '--to', 'x'], '--from holds a password'],
])('refuses %j', async (args, message) => {
  const { code, stdout, stderr } = await run(...args);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain('secret');
  expect(stdout).toBe('');
  expect(code).toBe(ExitCode.USAGE);
});

it('says which journal cannot be used, and leaves nothing behind', async () => {
  const folder = await useFolder();
  const { code, stderr } = await run('--from', join(folder, 'nowhere'), '--to', join(folder, COPY_FOLDER));
  expect(stderr).toContain('There is no journal');
  expect(code).toBe(ExitCode.JOURNAL);
});

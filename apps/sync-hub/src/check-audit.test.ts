import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { AuditPlace, request } from './audit/audit.fixture.ts';
import { ExitCode } from './exit.ts';

const program = fileURLToPath(new URL('./check-audit.ts', import.meta.url));

async function run(...args: string[]) {
  const child = spawn(process.execPath, ['--conditions=@hms-sync/source', program, ...args]);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code, stdout, stderr };
}

async function usePlace(): Promise<AuditPlace> {
  const place = new AuditPlace();
  const log = await place.open();
  for (const adapter of ['billing', 'lab', 'records']) await log.record(request(adapter));
  await log.close();
  return place;
}

it('says that a log is whole, and how far it goes', async () => {
  const { dataDir, folder } = await usePlace();
  const { code, stdout } = await run('--data-dir', dataDir);
  expect(stdout).toBe(`${folder}: 4 records, the last 4\nwhole: every record is as the hub wrote it\n`);
  expect(code).toBe(ExitCode.OK);
  const asJson = await run('--data-dir', dataDir, '--json');
  const hash = expect.stringMatching(/^[0-9a-f]{64}$/);
  expect(JSON.parse(asJson.stdout)).toEqual({ records: 4, last_seq: 4, last_hash: hash, notes: [] });
});

it('names the place where it is broken, and a checkpoint that is missing', async () => {
  const place = await usePlace();
  const [checkpoint = ''] = place.checkpoints;
  expect((await run('--data-dir', place.dataDir, '--checkpoint', checkpoint)).code).toBe(ExitCode.OK);
  place.write(place.lines().toSpliced(1, 1));
  const { code, stdout } = await run('--data-dir', place.dataDir);
  expect(stdout).toContain('broken: 2026-11-28.jsonl:2: record 2 is missing before it\n');
  expect(code).toBe(ExitCode.FAILED);
});

it('says what it needs', async () => {
  const place = await usePlace();
  expect(await run()).toMatchObject({ code: ExitCode.USAGE, stderr: expect.stringContaining('--data-dir is missing') });
  expect(await run('--data-dir', join(place.dataDir, 'none'))).toMatchObject({ code: ExitCode.JOURNAL });
  writeFileSync(join(place.folder, 'key'), 'secret-of-somebody');
  const { code, stderr } = await run('--data-dir', place.dataDir);
  expect([code, stderr]).toEqual([
    ExitCode.JOURNAL,
    expect.stringContaining('the key of the audit log cannot be read'),
  ]);
  expect(stderr).not.toContain('secret-of');
  rmSync(join(place.folder, 'key'));
  expect((await run('--data-dir', place.dataDir)).stderr).toContain('(ENOENT)');
});

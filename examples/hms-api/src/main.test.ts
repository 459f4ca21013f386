import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { startFakeHub } from '../test/fake-hub.ts';

const main = fileURLToPath(import.meta.resolve('./main.ts'));

function run(...args: string[]): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [...process.execArgv, main, ...args], (_, stdout, stderr) =>
      resolve({ exitCode: child.exitCode, stdout, stderr }),
    );
  });
}

describe('the program', () => {
  test('saves a process, publishes it and prints each ack', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hms-api-'));
    const hub = await startFakeHub();
    const ended = await run('--address', hub.address, '--folder', folder);
    hub.close();
    await rm(folder, { recursive: true });
    expect(ended).toEqual({
      exitCode: 0,
      stdout: [
        'saved version 1 of telehealth',
        'accepted process/telehealth/1 for billing, records',
        '  billing: DELIVERED, attempt 1 billing took it',
        '  records: DELIVERED, attempt 1 records took it',
        '',
      ].join('\n'),
      stderr: '',
    });
  });

  test.each([
    [['--process', 'Tele Health'], "--process takes 1 to 64 of a-z, 0-9 and '-'"],
    [['--slot-minutes', 'long'], '--slot-minutes takes a whole number'],
    [['--unknown'], "Unknown option '--unknown'"],
  ])('%j is rejected with the usage', async (args, said) => {
    const ended = await run(...args);
    expect(ended.exitCode).toBe(2);
    expect(ended.stderr).toContain(said);
    expect(ended.stderr).toContain('--address 127.0.0.1:7003');
  });
});

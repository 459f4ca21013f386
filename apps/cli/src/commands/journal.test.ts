import { afterEach, describe, expect, test } from 'vitest';
import { type FakeHub, startFakeHub } from '../../test/fake-hub.ts';
import { runInProcess } from '../../test/run-in-process.ts';
import { ExitCode } from '../failure.ts';

let fake: FakeHub | undefined;
afterEach(() => fake?.close());

describe('hms-sync journal', () => {
  test('backup sends its name to the hub unchanged, and prints the path of the backup', async () => {
    const requests: string[] = [];
    fake = await startFakeHub({
      admin: {
        backupJournal: ({ path }) => {
          requests.push(path);
          return { path: `/backup/${path}`, sizeBytes: 4_096n };
        },
      },
    });
    const { address } = fake;
    const run = await runInProcess('journal', 'backup', '2026-01-31', '--json', '--address', address);
    expect(run.jsonLines()).toEqual([{ path: '/backup/2026-01-31', size_bytes: 4_096 }]);
    const shown = await runInProcess('journal', 'backup', './x', '--address', address);
    expect(shown.stdout()).toContain('/backup/./x: 4096 bytes. To restore it, copy this folder');
    expect(requests).toEqual(['2026-01-31', './x']);
  });

  test.each([
    [['--to', 'postgres://hub@db/hms'], '--from is missing'],
    [['--from', 'data'], '--to is missing'],
  ])('copy requires both journals: %j', async (options, message) => {
    const run = await runInProcess('journal', 'copy', ...options);
    expect(run.exitCode).toBe(ExitCode.usage);
    expect(run.stderr()).toContain(message);
  });

  test('verify requires --data-dir', async () => {
    const run = await runInProcess('journal', 'verify');
    expect(run.exitCode).toBe(ExitCode.usage);
    expect(run.stderr()).toContain('--data-dir');
  });
});

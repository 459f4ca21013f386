import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { PLANTED_BUGS } from './planted-bugs.ts';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const run = (...args: readonly string[]) =>
  promisify(execFile)(process.execPath, ['--conditions=@hms-sync/source', main, ...args]);

describe('the simulation', () => {
  it('catches every planted bug', { timeout: 120_000 }, async () => {
    const { stdout } = await run('--planted', '--schedules', '500');
    const lines = stdout.trim().split('\n');
    expect(lines.map((line) => line.slice(0, line.indexOf(': schedule')))).toEqual(
      PLANTED_BUGS.map(({ name }) => `caught: ${name}`),
    );
  });

  it('says what it played', async () => {
    expect((await run('--schedules', '50', '--seed', '900')).stdout).toBe('50 schedules, 0 violations\n');
  });

  it('refuses a number that is none', async () => {
    await expect(run('--schedules', 'many')).rejects.toMatchObject({
      stderr: expect.stringContaining('--schedules many'),
    });
  });
});

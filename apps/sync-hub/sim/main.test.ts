import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { EVERY_PLANTED_BUG } from './planted/every-planted-bug.ts';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const run = (...args: readonly string[]) =>
  promisify(execFile)(process.execPath, ['--conditions=@hms-sync/source', main, ...args]);

describe('the simulation', () => {
  it('finds no broken promise, and says what it played', { timeout: 60_000 }, async () => {
    const { stdout, stderr } = await run('--schedules', '300', '--seed', '900');
    expect(stdout).toBe('300 schedules, 0 violations\n');
    expect(stderr).toMatch(/^\d+ steps, \d+ steps\/s$/m);
  });

  // All of them are played by the proof; these few see that planting and catching work.
  it.each(['the wake-up of a retry', 'a reader that resumes', 'a pause is lost'])(
    'catches a planted bug: %s',
    { timeout: 60_000 },
    async (name) => {
      const { stdout } = await run('--planted', '--named', name, '--schedules', '500');
      const [bug] = EVERY_PLANTED_BUG.filter((planted) => planted.name.includes(name));
      expect(stdout).toMatch(new RegExp(`^caught: ${bug?.name}: schedule \\d+ \\((lane|hub)\\): .+\\n$`));
    },
  );

  it('knows the place of every planted bug', async () => {
    const places = EVERY_PLANTED_BUG.map(async ({ name, file, find }) => {
      const source = await readFile(new URL(`../src/${file}`, import.meta.url), 'utf8');
      return `${name}: ${source.split(find).length - 1}`;
    });
    expect(await Promise.all(places)).toEqual(EVERY_PLANTED_BUG.map(({ name }) => `${name}: 1`));
  });

  it('refuses a number that is none', async () => {
    await expect(run('--schedules', 'many')).rejects.toMatchObject({
      stderr: expect.stringContaining('--schedules many'),
    });
  });
});

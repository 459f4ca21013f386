import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { EVERY_MUTANT } from './mutants/every-mutant.ts';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const run = (...args: readonly string[]) =>
  promisify(execFile)(process.execPath, ['--conditions=@hms-sync/source', main, ...args]);

describe('the command of the simulation', () => {
  it('finds no broken promise, and reports what it played', { timeout: 120_000 }, async () => {
    const { stdout, stderr } = await run('--schedules', '20', '--seed', '900');
    expect(stdout).toBe('hub: 20 schedules, 0 violations\ncluster: 20 schedules, 0 violations\n');
    expect(stderr).toMatch(/^hub: \d+ steps in [\d.]+ s, \d+ steps\/s\ncluster: \d+ steps in [\d.]+ s, \d+ steps\/s$/m);
  });

  // All of them are played by the proof; this one checks that mutating and catching work.
  it('catches a mutant', { timeout: 120_000 }, async () => {
    const name = 'the wake-up of a retry';
    const { stdout } = await run('--mutants', '--named', name, '--schedules', '300');
    const [mutant] = EVERY_MUTANT.filter((other) => other.name.includes(name));
    expect(stdout).toMatch(new RegExp(`^caught: ${mutant?.name}: schedule \\d+: .+\\n1 mutants, 0 not caught\\n$`));
  });

  it('knows at least forty mutants, each by a name of its own', () => {
    const names = new Set(EVERY_MUTANT.map(({ name }) => name));
    expect(names.size).toBe(EVERY_MUTANT.length);
    expect(names.size).toBeGreaterThanOrEqual(40);
  });

  it('refuses a number that is not one', async () => {
    await expect(run('--schedules', 'many')).rejects.toMatchObject({
      stderr: expect.stringContaining('--schedules many'),
    });
  });
});

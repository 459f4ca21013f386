import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { runInProcess } from '../../test/run-in-process.ts';
import { ExitCode } from '../failure.ts';

const scriptOf = async (shell: string) => (await runInProcess('completion', shell)).stdout();

describe('in bash', () => {
  /** What bash offers for a line whose last word is begun, or is yet to begin. */
  async function offered(line: string): Promise<string[]> {
    const words = line.split(' ');
    const script = [
      await scriptOf('bash'),
      `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})`,
      `COMP_CWORD=${words.length - 1}`,
      '_hms_sync',
      `printf '%s\\n' "\${COMPREPLY[@]}"`,
    ].join('\n');
    return execFileSync('bash', ['-c', script]).toString().split('\n').filter(Boolean);
  }

  test.each([
    ['hms-sync del', ['delivery']],
    ['hms-sync event p', ['publish']],
    ['hms-sync adapter ro', ['rollback']],
    ['hms-sync health --ch', ['--check']],
    ['hms-sync delivery list --group-by ', ['adapter', 'error', 'key']],
    ['hms-sync event publish --type T --until s', ['settled']],
    ['hms-sync completion --h', ['--help']],
    // Left to the shell, which offers files.
    ['hms-sync start --config hms', []],
    ['hms-sync nonsense x', []],
  ])('%j is completed to %j', async (line, words) => {
    expect(await offered(line)).toEqual(words);
  });

  test('every subcommand is offered first', async () => {
    const all = await offered('hms-sync ');
    expect(all).toEqual(expect.arrayContaining(['start', 'health', 'delivery', 'adapter', 'completion', '--help']));
  });
});

test.each(['bash', 'zsh', 'fish'])('the script for %s knows each command and its options', async (shell) => {
  const script = await scriptOf(shell);
  for (const word of [
    '/adapter/add',
    '/journal/verify',
    '/event/publish',
    '--dry-run',
    '--group-by',
    'first-attempt',
  ]) {
    expect(script).toContain(shell === 'fish' && word === '--group-by' ? 'group-by' : word);
  }
});

test('another shell is wrong usage', async () => {
  const ended = await runInProcess('completion', 'tcsh');
  expect(ended.exitCode).toBe(ExitCode.usage);
  expect(ended.stderr()).toContain('bash, zsh, fish');
});

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const HOSTILE = 'a\u001b[2J\u009b31m\u202e\u2028\u200b\u{e0041}b';
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hms-sync-output-'));
  await writeFile(join(folder, 'unknown-key.yaml'), `"${HOSTILE.replace('\u001b', '\\e')}": 1\nadapters: []\n`);
  const adapter = { package: `@clinic/${HOSTILE}`, id: 'lab', runtime: 'process' };
  await writeFile(join(folder, 'hostile-package.yaml'), JSON.stringify({ adapters: [adapter] }));
});
afterAll(() => rm(folder, { recursive: true }));

/** What one of the hub's programs prints, on both streams. */
async function printed(program: string, args: readonly string[]): Promise<string> {
  const file = fileURLToPath(new URL(program, import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, ['--conditions=@hms-sync/source', file, ...args], (_error, stdout, stderr) =>
      resolve(stdout + stderr),
    );
  });
}

describe('what the programs of the hub print', () => {
  it.each<[string, string, (folder: string) => readonly string[]]>([
    ['a file that is not there', './main.ts', () => ['--config', `/${HOSTILE}.yaml`]],
    ['a wrong flag', './main.ts', () => ['--listen', HOSTILE]],
    ['a wrong configuration', './main.ts', (folder) => ['--config', join(folder, 'unknown-key.yaml')]],
    [
      'an adapter that would not load',
      './check-adapters.ts',
      (folder) => ['--config', join(folder, 'hostile-package.yaml')],
    ],
    ...['--json', '--jsonl'].map((flag): [string, string, (folder: string) => readonly string[]] => [
      `the same with ${flag}`,
      './check-adapters.ts',
      (folder) => [flag, '--config', join(folder, 'hostile-package.yaml')],
    ]),
    ['a folder without a journal', './verify.ts', () => ['--data-dir', `/tmp/${HOSTILE}`]],
  ])('about %s holds nothing that a terminal obeys or a reader does not see', async (_, program, args) => {
    const text = await printed(program, args(folder));
    expect(text).not.toBe('');
    expect(text.replaceAll('\n', '')).not.toMatch(UNSEEN);
  });
});

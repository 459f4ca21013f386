import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { root } from './root.ts';

const passing = "test('holds', () => {});";

/** How the output of vitest ends on these test files, and its exit code. */
async function run(files: Readonly<Record<string, string>>): Promise<{ output: string; code: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-total-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, name), `import { beforeAll, describe, test } from 'vitest';\n${text}\n`);
  }
  const reporter = `--reporter=${join(root, 'tools/test-total.ts')}`;
  return new Promise((done) => {
    const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', reporter, '--no-file-parallelism'];
    execFile(process.execPath, vitest, { cwd: folder }, (error, stdout) => {
      done({ output: stdout.replaceAll(/\S*hms-sync-total-\w+\//g, ''), code: Number(error?.code ?? 0) });
    });
  });
}

test('the last line is the total', async () => {
  const { output, code } = await run({
    'a.test.ts': passing,
    'b.test.ts': `${passing}\ndescribe('b', () => {${passing}});`,
  });
  expect(output).toMatch(/\n3 passed, 0 failed\n$/);
  expect(output).not.toContain('Failed:');
  expect(code).toBe(0);
});

test('everything that failed is named before it, and counted', async () => {
  const { output, code } = await run({
    'failed.test.ts': `${passing}\ndescribe('a lane', () => test('keeps order', () => { throw new Error('2 before 1\\nx'); }));`,
    'hook.test.ts': `describe('a hub', () => { beforeAll(() => { throw new Error('no port'); }); ${passing} });`,
    'import.test.ts': "import './gone.ts';",
    'late.test.ts': `${passing}\nsetTimeout(() => { throw new Error('too late'); });\ntest('waits', () => new Promise((done) => setTimeout(done, 50)));`,
  });
  const [, list = ''] = /\nFailed:\n(.*)\n\n3 passed, 4 failed\n$/s.exec(output) ?? [];
  expect(list.split('\n').toSorted()).toEqual([
    '  failed.test.ts: a lane > keeps order: 2 before 1',
    '  hook.test.ts: no port',
    expect.stringMatching(/^ {2}import\.test\.ts: .*gone\.ts/),
    '  outside any test: too late',
  ]);
  expect(code).toBe(1);
});

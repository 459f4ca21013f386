import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { root } from './root.ts';

const run = promisify(execFile);

// Every project's test run gets its Node in the same way, so once is enough. A machine's own Node may be 20.
test('npm scripts run on the Node that the workspace brings along', async () => {
  const { stdout } = await run('npm', ['exec', '--', 'node', '--version'], { cwd: root });
  expect([process.version, stdout.trim()]).toEqual(Array(2).fill(`v${await neededNode()}`));

  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  expect(major * 1000 + minor, '24.15 is the first with all that the hub needs').toBeGreaterThanOrEqual(24_015);
});

// tools/ has an older TypeScript for dependency-cruiser; its command must not take the place of the workspace's.
test('tsc is TypeScript 7', async () => {
  const { stdout } = await run(join(root, 'node_modules/.bin/tsc'), ['--version']);
  expect(stdout).toMatch(/^Version 7\./);
});

async function neededNode(): Promise<string> {
  return (await readFile(join(root, '.node-version'), 'utf8')).trim();
}

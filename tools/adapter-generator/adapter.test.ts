import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { root } from '../root.ts';
import adapter, { type Tree } from './adapter.ts';

const run = promisify(execFile);

/** A tree of files that only remembers what is written, over what the workspace has. */
function rememberingTree(taken: readonly string[] = []) {
  const written = new Map<string, string>();
  const tree: Tree = {
    exists: (path) => taken.includes(path),
    write: (path, text) => void written.set(path, text),
  };
  return { tree, written };
}

/** A copy of what a project of the workspace needs of it, until the test ends. */
async function workspaceCopy(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-workspace-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  const shared = ['package.json', 'biome.json', 'tsconfig.base.json', 'vitest.shared.ts', 'vitest.seed.ts'];
  await Promise.all(shared.map((file) => copyFile(join(root, file), join(folder, file))));
  return folder;
}

describe('nx g ./tools:adapter', () => {
  test('makes a project whose types, lint and tests pass untouched', { timeout: 120_000 }, async () => {
    const { tree, written } = rememberingTree();
    await adapter(tree, { name: 'lab' });
    const folder = await workspaceCopy();
    for (const [path, text] of written) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    const cwd = join(folder, 'packages/adapter-lab');
    const bin = (name: string) => join(root, 'node_modules/.bin', name);
    await run(bin('tsc'), ['-p', 'tsconfig.json'], { cwd });
    await run(bin('biome'), ['check', '--error-on-warnings', '--vcs-enabled=false', '.'], { cwd });
    const vitest = await run(bin('vitest'), ['run'], { cwd });
    expect(vitest.stdout).toMatch(/19 passed/);
  });

  test('makes it as its siblings are', async () => {
    const { tree, written } = rememberingTree();
    await adapter(tree, { name: 'lab', description: 'Delivers to the lab' });
    const { name, description, exports } = JSON.parse(written.get('packages/adapter-lab/package.json') ?? '');
    expect({ name, description }).toEqual({ name: '@hms-sync/adapter-lab', description: 'Delivers to the lab' });
    const sibling = JSON.parse(await readFile(join(root, 'packages/adapter-billing/package.json'), 'utf8'));
    expect(exports).toEqual(sibling.exports);
  });

  test('touches no project that is there', async () => {
    const { tree, written } = rememberingTree(['packages/adapter-billing']);
    await expect(adapter(tree, { name: 'billing' })).rejects.toThrow(/packages\/adapter-billing is there already/);
    expect(written.size).toBe(0);
  });

  test('is found by nx under that name', async () => {
    const nx = join(root, 'node_modules/.bin/nx');
    const env = { ...process.env, FORCE_COLOR: '0' };
    const { stdout } = await run(nx, ['g', './tools:adapter', 'lab-of-nobody', '--dry-run'], { cwd: root, env });
    expect(stdout).toContain('CREATE packages/adapter-lab-of-nobody/src/adapter.ts');
  });
});

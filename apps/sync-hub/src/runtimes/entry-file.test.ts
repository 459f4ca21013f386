import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { conditionsIn, findEntryFile } from './entry-file.ts';

it.each([
  [
    ['--conditions=a', '--conditions=b'],
    ['a', 'b'],
  ],
  [
    ['-C', 'a', '--conditions', 'b', '--inspect'],
    ['a', 'b'],
  ],
  [['--conditions'], []],
  [['', '--max-old-space-size=64'], []],
])('reads the conditions among Node flags: %j', (flags, conditions) => {
  expect(conditionsIn(flags)).toEqual(conditions);
});

describe('the file that an adapter begins with', () => {
  /** A package in a folder, with code beside it that is not part of it. */
  async function write(packageJson: Readonly<Record<string, unknown>>, entry = '.') {
    const around = await mkdtemp(join(tmpdir(), 'hms-sync-entry-'));
    onTestFinished(() => rm(around, { recursive: true }));
    const folder = join(around, 'lab');
    await mkdir(join(folder, 'dist'), { recursive: true });
    for (const path of ['outside.js', 'lab/index.js', 'lab/dist/index.js', 'lab-other.js']) {
      await writeFile(join(around, path), '');
    }
    await writeFile(join(folder, 'package.json'), JSON.stringify(packageJson));
    await symlink('../outside.js', join(folder, 'linked.js'));
    await symlink('..', join(folder, 'up'));
    await symlink('index.js', join(folder, 'inside.js'));
    execFileSync('mkfifo', [join(folder, 'pipe.js')]);
    const found = findEntryFile({
      ...{ id: 'lab', package: 'lab', version: '1.0.0', folder, entry, memoryMb: 256, permissions: undefined },
    });
    return { folder, found };
  }

  it.each([
    [{ exports: './dist/index.js' }, '.', 'dist/index.js'],
    [{ exports: { './adapter': './index.js' } }, './adapter', 'index.js'],
    [{ main: 'dist/index.js' }, '.', 'dist/index.js'],
    [{}, './dist/index.js', 'dist/index.js'],
    [{}, '.', 'index.js'],
    [{ exports: './inside.js' }, '.', 'inside.js'],
  ])('is what %j says of %s', async (packageJson, entry, path) => {
    const { folder, found } = await write(packageJson, entry);
    expect((await found).path).toBe(join(folder, path));
  });

  it.each([
    [{ exports: './../outside.js' }, '.'],
    [{ exports: '../outside.js' }, '.'],
    [{ exports: './dist/../../outside.js' }, '.'],
    [{ exports: '../lab-other.js' }, '.'],
    [{ exports: './linked.js' }, '.'],
    [{ exports: './up/outside.js' }, '.'],
    [{ exports: { './*': './../*' } }, './outside.js'],
    [{ main: '../outside.js' }, '.'],
    [{}, './../outside.js'],
    [{}, './linked.js'],
  ])('is none that leaves the package: %j, %s', async (packageJson, entry) => {
    await expect((await write(packageJson, entry)).found).rejects.toThrow('is not a file of the package');
  });

  it.each(['./pipe.js', './dist', './nowhere.js', '.'])('is a regular file, and so not %s', async (exports) => {
    await expect((await write({ exports })).found).rejects.toThrow('is not a file of the package');
  });
});

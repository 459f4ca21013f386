import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parsePackageName, parsePackageSpec } from './package-spec.ts';
import { useFolder } from './sample-package.fixture.ts';

it.each([
  ['@clinic/adapter-lab@^1.2.0', '@clinic/adapter-lab', '^1.2.0'],
  ['@clinic/adapter-lab', '@clinic/adapter-lab', undefined],
  ['lab@1', 'lab', '1'],
  ['lab@', 'lab', ''],
  ['lab', 'lab', undefined],
])('takes %s apart', (text, name, range) => {
  expect(parsePackageName(text)).toEqual({ package: name, range });
});

describe('where a package comes from', () => {
  it.each([
    ['@clinic/adapter-lab@>=1.0.0 <2', '>=1.0.0 <2'],
    ['@clinic/adapter-lab@next', 'next'],
    ['@clinic/adapter-lab', 'latest'],
    ['@clinic/adapter-lab@1.x || 3', '1.x || 3'],
  ])('is the registry for %s', async (text, range) => {
    expect(await parsePackageSpec(text)).toEqual({ kind: 'registry', package: '@clinic/adapter-lab', range });
  });

  it('is what is there for an absolute path', async () => {
    const folder = await useFolder();
    await writeFile(join(folder, 'lab.tgz'), '');
    await writeFile(join(folder, 'package.json'), '{}');
    expect(await parsePackageSpec(folder)).toEqual({ kind: 'folder', path: folder });
    expect(await parsePackageSpec(join(folder, 'lab.tgz'))).toEqual({ kind: 'tarball', path: join(folder, 'lab.tgz') });
  });

  it.each([
    ['a pipe', (path: string) => execFileSync('mkfifo', [path]), 'is neither a regular file nor a folder'],
    ['a socket', listenAt, 'is neither a regular file nor a folder'],
    ['a link to a device', (path: string) => symlink('/dev/zero', path), 'is neither a regular file nor a folder'],
    ['a folder without a package.json', (path: string) => mkdir(path), 'has no package.json'],
    ['a folder whose package.json is a pipe', pipeIn('package.json'), 'package.json is not a regular file'],
    ['a folder whose package.json is a folder', folderIn('package.json'), 'package.json is not a regular file'],
    ['a folder with a pipe that npm would read', pipeIn('dist/.npmignore'), 'dist/.npmignore is not a regular file'],
    ['a folder with a link to a pipe', linkedPipe, '.npmignore is not a regular file'],
  ])('is not %s', async (_what, make, says) => {
    const path = join(await useFolder(), 'lab.tgz');
    await make(path);
    await expect(parsePackageSpec(path)).rejects.toMatchObject({
      code: 'SPEC_INVALID',
      message: expect.stringContaining(says),
    });
  });

  // Each of these npm would take for something else: a flag, a repository, an address, an alias.
  it.each([
    '--registry=http://elsewhere',
    'lab@--registry=http://elsewhere',
    'clinic/adapter-lab',
    'git+ssh://example/lab.git',
    'https://example/lab.tgz',
    'lab@npm:other@1',
    'lab@file:../other',
    './lab',
    '../lab',
    '~/lab',
    '/nowhere/lab.tgz',
    'lab@github:clinic/lab',
    'lab.tgz',
    '-lab',
    '--',
    '-lab@1.0.0',
    '..',
    '@clinic/..',
    'lab@^',
    'lab@next week',
    '/dev/null',
    '/dev/zero',
    '/dev/stdin',
    'lab@',
    'lab@ ',
    '',
  ])('is refused for %j', async (text) => {
    await expect(parsePackageSpec(text)).rejects.toMatchObject({ code: 'SPEC_INVALID' });
  });
});

async function listenAt(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => void server.close());
}

/** A package's folder with something in it that is not a file. */
function pipeIn(name: string): (folder: string) => Promise<void> {
  return async (folder) => {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    if (name !== 'package.json') await writeFile(join(folder, 'package.json'), '{}');
    execFileSync('mkfifo', [join(folder, name)]);
  };
}

function folderIn(name: string): (folder: string) => Promise<void> {
  return async (folder) => void (await mkdir(join(folder, name), { recursive: true }));
}

async function linkedPipe(folder: string): Promise<void> {
  await mkdir(folder);
  await writeFile(join(folder, 'package.json'), '{}');
  execFileSync('mkfifo', [`${folder}.pipe`]);
  await symlink(`${folder}.pipe`, join(folder, '.npmignore'));
}

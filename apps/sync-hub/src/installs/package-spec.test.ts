import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { splitPackageName } from './package-name.ts';
import { parsePackageSpec } from './package-spec.ts';
import { useFolder } from './sample-package.suite.ts';

it.each([
  ['@clinic/adapter-lab@^1.2.0', '@clinic/adapter-lab', '^1.2.0'],
  ['@clinic/adapter-lab', '@clinic/adapter-lab', undefined],
  ['lab@1', 'lab', '1'],
  ['lab@', 'lab', ''],
  ['lab', 'lab', undefined],
])('takes %s apart', (text, name, range) => {
  expect(splitPackageName(text)).toEqual({ package: name, range });
});

describe('where a package comes from', () => {
  it.each([
    ['@clinic/adapter-lab@>=1.0.0 <2', '>=1.0.0 <2'],
    ['@clinic/adapter-lab@next', 'next'],
    ['@clinic/adapter-lab', 'latest'],
  ])('is the registry for %s', async (text, range) => {
    expect(await parsePackageSpec(text)).toEqual({ kind: 'registry', package: '@clinic/adapter-lab', range });
  });

  it('is what is there for an absolute path', async () => {
    const folder = await useFolder();
    await writeFile(join(folder, 'lab.tgz'), '');
    expect(await parsePackageSpec(folder)).toEqual({ kind: 'folder', path: folder });
    expect(await parsePackageSpec(join(folder, 'lab.tgz'))).toEqual({ kind: 'tarball', path: join(folder, 'lab.tgz') });
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
    'Lab',
    'lab@',
    '',
  ])('is refused for %j', async (text) => {
    await expect(parsePackageSpec(text)).rejects.toMatchObject({ code: 'SPEC_INVALID' });
  });
});

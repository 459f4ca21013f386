import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { linkDependencies, newFolder } from '../test/new-folder.ts';
import { adapterName, createAdapter, FolderError } from './create-adapter.ts';
import { NODE_MIN, releases } from './releases.ts';

const run = promisify(execFile);
const sources = '@hms-sync/source';
const tsc = fileURLToPath(new URL('../../../node_modules/.bin/tsc', import.meta.url));

const lab = {
  name: adapterName('@clinic/lab'),
  description: 'Delivers HMS events to the lab',
  kind: 'package',
} as const;

describe('a new adapter', () => {
  it('has its name everywhere, and exact versions', async () => {
    const folder = join(await newFolder(), 'lab');
    const files = await createAdapter(folder, lab);
    const texts = await Promise.all(files.map((path) => readFile(join(folder, path), 'utf8')));
    expect(texts.join('\n')).not.toMatch(/__\w+__/);
    const packageJson = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    expect(packageJson).toMatchObject({ name: '@clinic/adapter-lab', version: '0.1.0', hmsSync: { id: 'lab' } });
    const versions = Object.values({ ...packageJson.dependencies, ...packageJson.devDependencies });
    expect(versions).toHaveLength(4);
    for (const version of versions) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(files).toEqual(expect.arrayContaining(['.gitignore', '.github/workflows/test.yml', 'verify.json']));
  });

  it('passes its own tests untouched: its types, the testing kit, what is built', { timeout: 240_000 }, async () => {
    const folder = join(await newFolder(), 'lab');
    await createAdapter(folder, lab);
    await linkDependencies(folder);
    await run(tsc, ['-p', '.', '--customConditions', sources], { cwd: folder });
    await run(tsc, ['-p', 'tsconfig.build.json', '--customConditions', sources], { cwd: folder });
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const test = [`--conditions=${sources}`, '--test', '--test-reporter=tap', 'src/**/*.test.ts'];
    const { stdout } = await run(process.execPath, test, { cwd: folder, env });
    expect(stdout).toMatch(/# tests 19\n[\s\S]*# pass 19\n# fail 0\n# cancelled 0\n# skipped 0\n/);
    expect((await readdir(join(folder, 'dist'))).sort()).toContain('adapter.js');
  });

  it('brings a Node along when the machine has none that is new enough', async () => {
    const folder = await newFolder();
    await createAdapter(folder, { ...lab, bringsNode: true });
    expect(JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))).toMatchObject({
      devDependencies: { node: releases().node },
      allowScripts: { node: true, protobufjs: false },
    });
  });

  it('asks for the Node that the SDK asks for', async () => {
    const sdk = JSON.parse(await readFile(new URL('../../adapter-sdk/package.json', import.meta.url), 'utf8'));
    expect(sdk.engines.node).toBe(`>=${NODE_MIN}`);
  });
});

describe('a folder', () => {
  it('with something in it is left as it is', async () => {
    const folder = await newFolder();
    await writeFile(join(folder, 'package.json'), 'mine');
    await expect(createAdapter(folder, lab)).rejects.toThrow(
      /is not empty \(package\.json\); choose another with --dir/,
    );
    expect(await readdir(folder)).toEqual(['package.json']);
    expect(await readFile(join(folder, 'package.json'), 'utf8')).toBe('mine');
  });

  it('that is a repository without a file is taken', async () => {
    const folder = await newFolder();
    await mkdir(join(folder, '.git'));
    expect(await createAdapter(folder, lab)).toContain('package.json');
  });

  it('that is a file is rejected', async () => {
    const file = join(await newFolder(), 'lab');
    await writeFile(file, '');
    await expect(createAdapter(file, lab)).rejects.toThrow(FolderError);
  });
});

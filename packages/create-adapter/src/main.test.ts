import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { newFolder } from '../test/new-folder.ts';

const bin = fileURLToPath(new URL('../bin/create-adapter.js', import.meta.url));
const repository = fileURLToPath(new URL('../../..', import.meta.url));

interface Ran {
  readonly code: number | string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

function create(cwd: string, args: readonly string[], env = process.env): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, [bin, ...args], { cwd, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? undefined), stdout, stderr });
    });
  });
}

/** An environment whose npm notes where and how it was called, and ends as instructed. */
async function withNpm(folder: string, exitCode: number): Promise<NodeJS.ProcessEnv> {
  const bins = join(folder, 'bins');
  await mkdir(bins);
  await writeFile(join(bins, 'npm'), `#!/bin/sh\necho "$@ in $PWD" > ${folder}/called\nexit ${exitCode}\n`);
  await chmod(join(bins, 'npm'), 0o755);
  return { ...process.env, PATH: `${bins}${delimiter}${process.env.PATH}` };
}

describe('npm create @hms-sync/adapter', () => {
  it('makes the package, installs what it needs and reports what is next', async () => {
    const folder = await newFolder();
    const { code, stdout, stderr } = await create(folder, ['lab'], await withNpm(folder, 0));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(await readFile(join(folder, 'called'), 'utf8')).toMatch(/^install in .*\/lab\n$/);
    expect(stdout).toMatch(/Next:\n {2}cd lab\n {2}npm test .*\n {2}npm run dev .*\n.*--chaos latency=2s,fail=30%/);
  });

  it('reports when the installation failed, with everything else in place', async () => {
    const folder = await newFolder();
    const { code, stdout, stderr } = await create(folder, ['lab'], await withNpm(folder, 1));
    expect(code).toBe(1);
    expect(stderr).toBe('create-adapter: npm install failed, see above; the files were created\n');
    expect(stdout).toMatch(/Next:\n {2}cd lab\n {2}npm install\n {2}npm test/);
    expect(await readdir(join(folder, 'lab'))).toContain('package.json');
  });

  it('uses the given folder and description', async () => {
    const folder = await newFolder();
    const flags = ['--dir', 'my labs/one', '--description', 'Delivers to "the" lab', '--no-install'];
    const { code, stdout } = await create(folder, ['@clinic/lab', ...flags]);
    expect(code).toBe(0);
    expect(stdout).toContain("  cd 'my labs/one'\n  npm install\n");
    const { name, description } = JSON.parse(await readFile(join(folder, 'my labs/one/package.json'), 'utf8'));
    expect({ name, description }).toEqual({ name: '@clinic/adapter-lab', description: 'Delivers to "the" lab' });
    expect(await readFile(join(folder, 'my labs/one/src/adapter.ts'), 'utf8')).toContain(
      '/** Delivers to "the" lab. It',
    );
  });

  it.each([
    [[], 2, /^create-adapter: the name of the adapter is missing, such as lab\n\nnpm create/],
    [['Lab'], 2, /^create-adapter: "Lab" is not an adapter name: .* such as lab\n$/],
    [['lab', 'oratory'], 2, /give only one name/],
    [['lab', '--colour'], 2, /Unknown option '--colour'\n/],
    [['lab', '--description', 'a */ b'], 2, /--description must be one line/],
    [['lab', '--dir', '.'], 1, /is not empty \(taken\)/],
  ])('%j writes nothing and reports why', async (args, exitCode, why) => {
    const folder = await newFolder();
    await writeFile(join(folder, 'taken'), '');
    const { code, stderr } = await create(folder, args);
    expect(stderr).toMatch(why);
    expect(code).toBe(exitCode);
    expect(await readdir(folder)).toEqual(['taken']);
  });
});

describe('the published package', () => {
  it('has every file of the template', async () => {
    const { stdout } = await promisify(execFile)('npm', ['pack', '--dry-run', '--json'], {
      cwd: join(repository, 'packages/create-adapter'),
    });
    const [packed]: { files: { path: string }[] }[] = Object.values(JSON.parse(stdout));
    const template = join(repository, 'packages/create-adapter/template');
    const files = (await readdir(template, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    const expected = files.map(({ parentPath, name }) => join(parentPath, name).slice(template.length - 8));
    expect(expected).toContain('template/package/gitignore');
    expect(packed?.files.map(({ path }) => path)).toEqual(expect.arrayContaining(expected));
  });
});

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { root } from './root.ts';

const run = promisify(execFile);
const folders: string[] = [];

afterEach(async () => {
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })));
});

const contract = (...fields: string[]) => `syntax = "proto3";\npackage a.v1;\nmessage A {\n${fields.join('\n')}\n}\n`;
const first = contract('string id = 1;', 'string key = 2;');
const more = contract('string id = 1;', 'string key = 2;', 'string type = 3;');
const less = contract('string id = 1;');

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-contracts-'));
  folders.push(folder);
  return folder;
}

/** A repository on branch main, without a commit. */
async function newRepository(): Promise<string> {
  const folder = await newFolder();
  await git(folder, 'init', '--quiet', '--initial-branch=main');
  await writeFile(join(folder, 'buf.yaml'), 'version: v2\nmodules:\n  - path: proto\nbreaking:\n  use:\n    - FILE\n');
  return folder;
}

async function git(folder: string, ...args: string[]): Promise<void> {
  await run('git', ['-c', 'user.name=test', '-c', 'user.email=test@localhost', ...args], { cwd: folder });
}

async function write(folder: string, text: string): Promise<void> {
  await mkdir(join(folder, 'proto/a/v1'), { recursive: true });
  await writeFile(join(folder, 'proto/a/v1/a.proto'), text);
}

async function commit(folder: string, text: string): Promise<void> {
  await write(folder, text);
  await git(folder, 'add', '.');
  await git(folder, 'commit', '--quiet', '--message=a change');
}

async function breaking(folder: string): Promise<{ code: number; output: string }> {
  const script = join(root, 'tools/breaking.ts');
  return run(process.execPath, [script, folder]).then(
    ({ stdout }) => ({ code: 0, output: stdout }),
    (failure: { code: number; stdout: string }) => ({ code: failure.code, output: failure.stdout }),
  );
}

describe('the contracts', () => {
  test('may lose nothing that main has', async () => {
    const folder = await newRepository();
    await commit(folder, first);
    await write(folder, less);
    const { code, output } = await breaking(folder);
    expect(code).not.toBe(0);
    expect(output).toMatch(/compared with main.*no release yet/);
    expect(output).toMatch(/field "2" with name "key" on message "A" was deleted/);
  });

  test('may gain a field', async () => {
    const folder = await newRepository();
    await commit(folder, first);
    await write(folder, more);
    expect(await breaking(folder)).toMatchObject({ code: 0 });
  });

  test('are compared with the last release once there is one, not with main', async () => {
    const folder = await newRepository();
    await commit(folder, first);
    await git(folder, 'tag', '@hms-sync/proto@0.1.0');
    await commit(folder, less);
    const { code, output } = await breaking(folder);
    expect(code).not.toBe(0);
    expect(output).toContain('compared with release @hms-sync/proto@0.1.0');
  });

  test("are compared with the remote's main before the local one", async () => {
    const origin = await newRepository();
    await commit(origin, first);
    const clone = await newFolder();
    await run('git', ['clone', '--quiet', origin, clone]);
    await commit(clone, less);
    const { code, output } = await breaking(clone);
    expect(code).not.toBe(0);
    expect(output).toContain('compared with origin/main');
  });

  test('are compared with what a shallow clone has', async () => {
    const origin = await newRepository();
    await commit(origin, first);
    await git(origin, 'tag', 'v1.0.0');
    await commit(origin, more);
    const clone = await newFolder();
    await run('git', ['clone', '--quiet', '--depth=1', `file://${origin}`, clone]);
    const { code, output } = await breaking(clone);
    expect(code).toBe(0);
    expect(output).toMatch(/compared with origin\/main.*this very commit.*shallow clone has no release tag/);
  });

  test('are compared with nothing before the first commit', async () => {
    const folder = await newRepository();
    await write(folder, first);
    const { code, output } = await breaking(folder);
    expect(code).toBe(0);
    expect(output).toContain('compared with nothing: this is no git checkout, or has no commit yet');
  });

  test('are compared with nothing where the base has none', async () => {
    const folder = await newRepository();
    await git(folder, 'commit', '--quiet', '--allow-empty', '--message=nothing');
    await write(folder, first);
    const { code, output } = await breaking(folder);
    expect(code).toBe(0);
    expect(output).toMatch(/compared with nothing: main.* has none/);
  });
});

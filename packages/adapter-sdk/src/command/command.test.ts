import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { adapterFolder, labAdapter, labKit } from '../../test/adapter-folder.ts';

const bin = fileURLToPath(new URL('../../bin/hms-adapter.js', import.meta.url));

interface Ran {
  readonly code: number | string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs Node in a folder, free of what this test's own runner put into the environment. */
function run(cwd: string, ...flags: readonly string[]): Promise<Ran> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(process.execPath, [...flags], { cwd, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? undefined), stdout, stderr });
    });
  });
}

/** One that posts to the same system without a key. */
const keyless = labAdapter.replace('event), context)', "event), { ...context, idempotencyKey: '' })");

describe('hms-adapter verify', () => {
  it('prints a line for each check of the adapter in its folder, and exits with 0', async () => {
    const folder = await adapterFolder({ 'adapter.js': labAdapter, 'verify.json': labKit });
    const { code, stdout } = await run(folder, bin, 'verify', '--only', 'manifest', '--only', 'duplicate');
    expect(stdout).toMatch(/^lab 1\.0\.0\n( {2}✓ .+ \(\d+ ms\)\n){2}2 passed in [\d.]+ s\n$/);
    expect(code).toBe(0);
  });

  it('reports what failed and what to do about it, and exits with 1', async () => {
    const folder = await adapterFolder({ 'adapter.js': keyless, 'verify.json': labKit });
    const { code, stdout } = await run(folder, bin, 'verify', '--only', 'duplicate', '--only', 'refusal');
    expect(stdout).toMatch(
      /✗ duplicate .+\n {6}an event that was delivered twice had 2 effects, and 1 when it was delivered once\n {6}send context\.idemp/,
    );
    expect(stdout).toMatch(/1 passed, 1 failed in/);
    expect(code).toBe(1);
  });

  it('reports an adapter that throws at import, and stops', async () => {
    const folder = await adapterFolder({ 'adapter.js': 'throw new Error("no database");', 'verify.json': labKit });
    const { code, stdout } = await run(folder, bin, 'verify', '--json');
    const verdicts = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(verdicts[0]).toMatchObject({
      check: 'manifest',
      kind: 'failed',
      why: expect.stringMatching(
        /^\.\/adapter\.js cannot be imported: Error: no database \(at file:.*adapter\.js:1:7\)$/,
      ),
    });
    expect(verdicts.slice(2).every(({ kind }) => kind === 'not seen')).toBe(true);
    expect(code).toBe(1);
  });

  it.each([
    [['verify'], {}, /verify\.json: there is no such file; write \{"config"/],
    [['verify', '--only', 'colour'], { 'verify.json': labKit }, /unknown check colour; the checks are manifest, /],
    [['verify', '--colour'], { 'verify.json': labKit }, /--colour/],
    [
      ['verify', '--target', 'x:1', '--token-env', 'NO_SUCH_TOKEN'],
      { 'verify.json': labKit },
      /variable NO_SUCH_TOKEN is not set/,
    ],
    [['paint'], {}, /unknown command paint/],
  ])('%j exits with 2 and reports why', async (flags, files, why) => {
    const folder = await adapterFolder({ 'adapter.js': labAdapter, ...files });
    const { code, stderr } = await run(folder, bin, ...flags);
    expect(stderr).toMatch(why);
    expect(code).toBe(2);
  });
});

describe('hms-adapter docs', () => {
  it('writes the page of the configuration, or its JSON Schema', async () => {
    const folder = await adapterFolder({ 'adapter.js': labAdapter });
    expect((await run(folder, bin, 'docs')).stdout).toMatch(
      /^# Configuration of lab\n[\s\S]*\| `token` \| string, 8 or/,
    );
    await run(folder, bin, 'docs', '--json', '--out', 'config.schema.json');
    expect(JSON.parse(await readFile(join(folder, 'config.schema.json'), 'utf8'))).toMatchObject({
      properties: { token: { writeOnly: true } },
    });
  });
});

describe('an adapter whose code was not built', () => {
  it('makes both commands report it, and advise to build it', async () => {
    const folder = await adapterFolder({ 'verify.json': labKit });
    const advice = /adapter\.js, the file of hmsSync\.entry, does not exist; +build|not exist\n +build the package/;
    expect((await run(folder, bin, 'docs')).stderr).toMatch(advice);
    expect((await run(folder, bin, 'verify', '--only', 'configuration')).stdout).toMatch(advice);
  });
});

describe('the kit in node:test', () => {
  const test = `import { describe, it } from 'node:test';
import { describeAdapter } from '@hms-sync/adapter-sdk/testing';

describeAdapter({ describe, it, package: import.meta.url });
`;
  const nodeTest = ['--conditions=@hms-sync/source', '--test', '--test-reporter=tap'];

  it('is one call: each check is a test, all of them pass, and nothing keeps the process', {
    timeout: 60_000,
  }, async () => {
    const folder = await adapterFolder({ 'adapter.js': labAdapter, 'verify.json': labKit, 'adapter.test.js': test });
    const { code, stdout } = await run(folder, ...nodeTest);
    expect(stdout).toMatch(/# tests 17\n[\s\S]*# pass 17\n/);
    expect(code).toBe(0);
  });

  it('fails with the adapter', async () => {
    const folder = await adapterFolder({ 'adapter.js': keyless, 'verify.json': labKit, 'adapter.test.js': test });
    const { code, stdout } = await run(folder, ...nodeTest, '--test-name-pattern=delivered twice');
    expect(stdout).toMatch(/not ok \d+ - an event that is delivered twice has one effect/);
    expect(stdout).toMatch(/# fail 1\n/);
    expect(code).toBe(1);
  });
});

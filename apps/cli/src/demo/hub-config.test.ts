import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { ExitCode } from '../failure.ts';
import { linkPackage, writeHubConfig } from './hub-config.ts';

let dataDir: string;
beforeEach(async () => {
  dataDir = join(await mkdtemp(join(tmpdir(), 'hms-sync-config-')), 'data');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(join(dataDir, '..'), { recursive: true });
});

const adapters = [
  {
    package: '@hms-sync/adapter-scheduling',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the hub replaces it
    config: { baseUrl: 'http://127.0.0.1:1', token: '${SCHEDULING_TOKEN}' },
  },
];

describe("the hub's configuration", () => {
  test('has the adapters with their configurations, and no token', async () => {
    vi.stubEnv('SCHEDULING_TOKEN', 'a-real-token');
    const file = await writeHubConfig({ port: 7003, dataDir, adapters });
    const yaml = await readFile(file, 'utf8');
    expect(yaml).toContain(
      [
        "  - package: '@hms-sync/adapter-scheduling'",
        '    config:',
        '      baseUrl: http://127.0.0.1:1',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the hub replaces it
        '      token: ${SCHEDULING_TOKEN}',
      ].join('\n'),
    );
    expect(yaml).toMatch(/^listen: 127\.0\.0\.1:7003$/m);
    expect(yaml).not.toContain('a-real-token');
    expect(await readdir(dataDir)).toEqual(['dev.yaml']);
  });

  test('writes YAML that parses to the same values', async () => {
    const config = {
      text: "it's",
      list: [1, 'two'],
      'a.b': { deep: true },
      lines: 'one\ntwo',
      nothing: null,
    };
    const file = await writeHubConfig({ port: 0, dataDir, adapters: [{ package: 'adapter-lab', config }] });
    expect(parse(await readFile(file, 'utf8'))).toEqual({
      listen: '127.0.0.1:0',
      dataDir: '.',
      adapters: [{ package: 'adapter-lab', config }],
    });
  });

  test('a data folder that cannot be written is rejected with what to do', async () => {
    await writeFile(dataDir, 'a file where the folder should be');
    await expect(writeHubConfig({ port: 7003, dataDir, adapters })).rejects.toMatchObject({
      exitCode: ExitCode.dataFolder,
      message: expect.stringMatching(
        /cannot write to the data folder .*data \(EEXIST\): choose another with --data-dir/,
      ),
    });
  });
});

describe('a package in a folder', () => {
  test('is found by its name from the data folder, also after it was moved', async () => {
    for (const folder of ['one', 'two']) {
      await mkdir(join(dataDir, folder), { recursive: true });
      await linkPackage(dataDir, { packageName: '@clinic/adapter-lab', folder: join(dataDir, folder) });
      expect(await realpath(join(dataDir, 'node_modules/@clinic/adapter-lab'))).toBe(
        await realpath(join(dataDir, folder)),
      );
    }
  });
});

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ExitCode } from '../failure.ts';
import { demoCredentials, writeHubConfig } from './hub-config.ts';

let dataDir: string;
beforeEach(async () => {
  dataDir = join(await mkdtemp(join(tmpdir(), 'hms-sync-config-')), 'data');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(join(dataDir, '..'), { recursive: true });
});

const systems = { scheduling: 'http://127.0.0.1:1', records: 'http://127.0.0.1:2', billing: 'http://127.0.0.1:3' };

describe("the hub's configuration", () => {
  test('names the adapters with the addresses of the sandbox, and holds no token', async () => {
    vi.stubEnv('SCHEDULING_TOKEN', 'a-real-token');
    const file = await writeHubConfig({ port: 7003, dataDir, systems });
    const yaml = await readFile(file, 'utf8');
    expect(yaml).toContain(
      [
        "  - package: '@hms-sync/adapter-scheduling'",
        '    config:',
        "      baseUrl: 'http://127.0.0.1:1'",
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the hub replaces it
        "      token: '${SCHEDULING_TOKEN}' # read from the environment",
      ].join('\n'),
    );
    expect(yaml).toMatch(/^listen: 127\.0\.0\.1:7003$/m);
    expect(yaml).not.toContain('a-real-token');
    expect(await readdir(dataDir)).toEqual(['dev.yaml']);
  });

  test('a data folder that cannot be written is refused with what to do', async () => {
    await writeFile(dataDir, 'a file where the folder should be');
    await expect(writeHubConfig({ port: 7003, dataDir, systems })).rejects.toMatchObject({
      exitCode: ExitCode.dataFolder,
      message: expect.stringMatching(
        /cannot write to the data folder .*data \(EEXIST\): choose another with --data-dir/,
      ),
    });
  });
});

describe('the credentials of the demo', () => {
  test('are the same for the hub and the sandbox, and never those of the surrounding shell', () => {
    vi.stubEnv('BILLING_TOKEN', 'a-real-token');
    vi.stubEnv('SANDBOX_BILLING_TOKEN', 'another-token');
    const { hub, sandbox } = demoCredentials();
    for (const name of ['SCHEDULING_TOKEN', 'RECORDS_TOKEN', 'BILLING_TOKEN']) {
      expect(hub[name]).toMatch(/^[0-9a-f-]{36}$/);
      expect(sandbox[`SANDBOX_${name}`]).toBe(hub[name]);
    }
  });

  test('are other ones at each start', () => {
    expect(demoCredentials().hub.BILLING_TOKEN).not.toBe(demoCredentials().hub.BILLING_TOKEN);
  });
});

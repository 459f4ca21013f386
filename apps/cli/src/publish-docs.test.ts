import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeHub, startFakeHub } from '../test/fake-hub.ts';

const page = await readFile(new URL('../../../docs/publish.md', import.meta.url), 'utf8');
const programs = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code);

/** Within the workspace, so that its packages are found from there. */
let folder: string;
beforeAll(async () => {
  const cache = join(import.meta.dirname, '../node_modules/.cache');
  await mkdir(cache, { recursive: true });
  folder = await mkdtemp(join(cache, 'docs-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs a program of the page as JavaScript, at this hub. */
async function runAt(hub: FakeHub, program: string, name: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, program.replaceAll('127.0.0.1:7003', new URL(hub.address).host));
  const args = ['--conditions=@hms-sync/source', file];
  return (await promisify(execFile)(process.execPath, args, { timeout: 50_000 })).stdout;
}

describe('a program of docs/publish.md', () => {
  test('is there for gRPC and for Connect', () => {
    expect(programs).toHaveLength(2);
  });

  test.each(programs.map((program, index) => [index + 1, program] as const))(
    'number %d publishes the payload that it shows, hears of each adapter, and ends',
    async (index, program) => {
      const hub = await startFakeHub();
      try {
        const printed = await runAt(hub, program, `program-${index}.mjs`);
        expect(hub.published.map(({ event }) => event)).toMatchObject([
          {
            type: 'ProcessUpdated',
            key: 'appointment',
            payload: { case: 'json', value: { processId: 'appointment', slots: ['telehealth'] } },
          },
        ]);
        for (const adapter of ['billing', 'records', 'scheduling']) expect(printed).toContain(adapter);
      } finally {
        await hub.close();
      }
    },
  );
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ExitCode } from '../failure.ts';
import { readDevAdapter } from './dev-adapter.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hms-sync-adapter-'));
});
afterEach(() => rm(folder, { recursive: true }));

const lab = '{"name":"adapter-lab","version":"1.2.3","hmsSync":{"id":"lab"}}';

describe('an adapter in development', () => {
  test('is read from its package.json and its verify.json', async () => {
    const kit = { config: { baseUrl: '{{url}}' }, events: [{ type: 'A', data: '{{payload}}' }] };
    await writeFile(join(folder, 'package.json'), lab);
    await writeFile(join(folder, 'verify.json'), JSON.stringify(kit));
    expect(await readDevAdapter(folder)).toEqual({
      folder,
      packageName: 'adapter-lab',
      version: '1.2.3',
      id: 'lab',
      kit,
    });
  });

  test.each<[string, Record<string, string>, RegExp]>([
    [
      'a folder without a package',
      {},
      /package\.json: there is no such file; set --adapter to .* npm create @hms-sync/,
    ],
    [
      'another package',
      { 'package.json': '{"name":"x"}' },
      /package\.json: hmsSync\.id is missing: this package is not an/,
    ],
    ['half a package', { 'package.json': '{' }, /package\.json: .*JSON/],
    ['one without a kit', { 'package.json': lab }, /verify\.json: there is no such file; write \{"config"/],
    [
      'one without events',
      { 'package.json': lab, 'verify.json': '{"events":[]}' },
      /verify\.json: events must have an event/,
    ],
    [
      'one without a status',
      { 'package.json': lab, 'verify.json': '{"answer":{}}' },
      /verify\.json: answer\.status must/,
    ],
  ])('%s is rejected, with what to do', async (_what, files, message) => {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    await expect(readDevAdapter(folder)).rejects.toMatchObject({
      message: expect.stringMatching(message),
      exitCode: ExitCode.usage,
    });
  });

  test('a folder that is not there is rejected', async () => {
    await expect(readDevAdapter(join(folder, 'nowhere'))).rejects.toThrow(/^--adapter: .*nowhere is not a folder$/);
  });
});

import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Ending } from './child.ts';
import { HubFolder } from './hub-folder.ts';

let folder: HubFolder;

beforeEach(async () => {
  folder = await HubFolder.create({ config: {} });
});
afterEach(() => folder.remove());

/** One line for a person, which names the program, and no stack. */
function complaintOf({ stdout, stderr }: Ending): string {
  expect(stdout).toBe('');
  expect(stderr).not.toMatch(/^\s+at /m);
  const lines = stderr
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('{'));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^hms-sync: /);
  return stderr;
}

describe('a hub that cannot start says why in one line and ends with', () => {
  describe('2, when the configuration', () => {
    const wrong = [
      { what: 'has an unknown key', config: 'lissten: 127.0.0.1:0', says: ['lissten', 'did you mean listen?'] },
      {
        what: 'has an unknown key deep inside',
        config: 'adapters: [{package: x, retry: {baseMilliseconds: 1, maxAtempts: 3}}]',
        says: ['adapters[0] (x): retry.maxAtempts', 'did you mean maxAttempts?'],
        lines: 2,
      },
      { what: 'has a value of the wrong kind', config: 'dataDir: 7', says: ['dataDir', 'must be a text'] },
      { what: 'has a number out of its bounds', config: 'limits: {eventBytes: 0}', says: ['limits.eventBytes'] },
      { what: 'is no YAML', config: 'listen: [', says: ['is no YAML', 'line 1'] },
      { what: 'is a list', config: '- listen', says: ['the file: must be names with values'] },
      {
        what: 'has no address to listen on',
        config: 'listen: nowhere',
        says: ['"nowhere" is not an address', '127.0.0.1:7003'],
      },
      { what: 'has a port past all ports', config: 'listen: 127.0.0.1:65536', says: ['65536'] },
      {
        what: 'names one adapter twice',
        config: 'adapters: [{package: "@hms-sync/adapter-billing"}, {package: "@hms-sync/adapter-billing"}]',
        says: ['both have the id "billing"', 'id: <name>'],
      },
    ];

    test.for(wrong)('$what', async ({ config, says, lines = 1 }) => {
      await folder.configure(config);
      const ending = await folder.run();
      expect(ending.code).toBe(2);
      if (lines === 1) complaintOf(ending);
      for (const words of says) expect(ending.stderr).toContain(words);
    });

    test('is not there', async () => {
      const ending = await folder.run('--config', join(folder.path, 'other.yaml'));
      expect(ending.code).toBe(2);
      expect(complaintOf(ending)).toContain(`${folder.path}/other.yaml does not exist`);
    });

    test('repeats no secret that stands in a broken file', async () => {
      await folder.configure('adapters:\n  - package: x\n    config: {token: zz-secret-1, baseUrl: [}\n');
      const ending = await folder.run();
      expect(ending.code).toBe(2);
      expect(ending.stderr).not.toContain('zz-secret-1');
    });
  });

  const flags = [
    { args: ['--lissten', '127.0.0.1:0'], says: 'unknown flag --lissten; did you mean --listen?' },
    { args: ['--xyz'], says: 'unknown flag --xyz; see --help' },
    { args: ['--log-level'], says: '--log-level needs a value' },
    { args: ['--log-level', 'loud'], says: '"loud" is none of trace, debug' },
    { args: ['somewhere'], says: '"somewhere" is not expected' },
  ];
  test.for(flags)('2, when asked with $args', async ({ args, says }) => {
    const ending = await folder.run(...args);
    expect(ending.code).toBe(2);
    expect(complaintOf(ending)).toContain(says);
  });

  test('3, when the port is in use', async () => {
    const other = createServer();
    const { promise: listening, resolve } = Promise.withResolvers<void>();
    other.listen(0, '127.0.0.1', resolve);
    await listening;
    const address = other.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const ending = await folder.run('--listen', `127.0.0.1:${port}`);
    other.close();
    expect(ending.code).toBe(3);
    expect(complaintOf(ending)).toContain(`port ${port} of 127.0.0.1 is in use`);
  });

  test('3, when the address is none of this machine', async () => {
    const ending = await folder.run('--listen', '192.0.2.1:0', '--data-dir', join(folder.path, 'new'));
    expect(ending.code).toBe(3);
    expect(complaintOf(ending)).toContain('192.0.2.1');
    expect(existsSync(join(folder.path, 'new'))).toBe(false);
  });

  test('4, when the data folder cannot be made', async () => {
    await writeFile(join(folder.path, 'file'), '');
    const ending = await folder.run('--data-dir', join(folder.path, 'file', 'data'));
    expect(ending.code).toBe(4);
    expect(complaintOf(ending)).toContain(join(folder.path, 'file', 'data'));
  });

  test('4, when another hub has the data folder', async () => {
    const hub = await folder.start();
    const ending = await folder.run();
    expect(ending.code).toBe(4);
    expect(complaintOf(ending)).toContain('is open in another process');
    expect(hub.isRunning).toBe(true);
  });

  test('4, when the journal is no journal', async () => {
    await writeFile(join(folder.path, 'journal.db'), 'This is a shopping list. '.repeat(400));
    const ending = await folder.run('--data-dir', folder.path);
    expect(ending.code).toBe(4);
    expect(complaintOf(ending)).toContain('is not a journal');
  });
});

test('a hub told to help or to tell its version does that and ends with 0', async () => {
  const [help, version] = await Promise.all([folder.run('--help'), folder.run('--version')]);
  expect(help).toMatchObject({ code: 0, stderr: '' });
  expect(help.stdout).toContain('Exit codes: 0 stopped as asked');
  expect(version).toMatchObject({ code: 0, stdout: '0.1.0\n', stderr: '' });
});

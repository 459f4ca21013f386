import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Ending } from './child.ts';
import { type HubConfig, HubFolder } from './hub-folder.ts';

let folder: HubFolder;

beforeEach(async () => {
  folder = await HubFolder.create({ config: {} });
});
afterEach(() => folder.remove());

/** One line that names the program, and no stack. */
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

describe('a hub that cannot start reports why in one line and ends with', () => {
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
      { what: 'has a number out of bounds', config: 'limits: {eventBytes: 0}', says: ['limits.eventBytes'] },
      { what: 'is not YAML', config: 'listen: [', says: ['is not YAML', 'line 1'] },
      { what: 'is a list', config: '- listen', says: ['the file: must be names with values'] },
      {
        what: 'has no address to listen on',
        config: 'listen: nowhere',
        says: ['"nowhere" is not an address', '127.0.0.1:7003'],
      },
      { what: 'has a port above 65535', config: 'listen: 127.0.0.1:65536', says: ['65536'] },
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

    test('does not exist', async () => {
      const ending = await folder.run('--config', join(folder.path, 'other.yaml'));
      expect(ending.code).toBe(2);
      expect(complaintOf(ending)).toContain(`${folder.path}/other.yaml does not exist`);
    });

    test('is broken and contains a secret, without repeating it', async () => {
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
  test.for(flags)('2, when started with $args', async ({ args, says }) => {
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

  test('3, when the address is not one of this machine', async () => {
    // Beyond loopback a hub starts with TLS only, or behind a proxy that has it.
    await folder.configure({ auth: {}, tls: 'terminated', trustedProxies: ['192.0.2.2'] });
    const ending = await folder.run('--listen', '192.0.2.1:0', '--data-dir', join(folder.path, 'new'));
    expect(ending.code).toBe(3);
    expect(complaintOf(ending)).toContain('192.0.2.1');
    expect(existsSync(join(folder.path, 'new'))).toBe(false);
  });

  test('4, when the data folder cannot be created', async () => {
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

  test('4, when the journal is not a journal', async () => {
    const content = 'This is a shopping list. '.repeat(400);
    await writeFile(join(folder.path, 'journal.db'), content, { mode: 0o600 });
    const ending = await folder.run('--data-dir', folder.path);
    expect(ending.code).toBe(4);
    expect(complaintOf(ending)).toContain('is not a journal');
  });

  const loose = [
    { path: '', mode: 0o777, right: '700' },
    { path: '', mode: 0o750, right: '700' },
    { path: 'journal.db', mode: 0o644, right: '600' },
    { path: 'journal.db-wal', mode: 0o666, right: '600' },
    { path: 'adapters', mode: 0o777, right: '700', isFolder: true },
    { path: 'adapters/adapters.lock', mode: 0o660, right: '600' },
    { path: 'backups', mode: 0o755, right: '700', isFolder: true },
  ];
  test.for(loose)('4, when others may use "$path" of the data folder', async ({ path, mode, right, isFolder }) => {
    const data = join(folder.path, 'data');
    await mkdir(join(data, 'adapters'), { recursive: true, mode: 0o700 });
    if (isFolder) await mkdir(join(data, path), { recursive: true });
    else if (path !== '') await writeFile(join(data, path), '');
    await chmod(join(data, path), mode);
    const ending = await folder.run('--data-dir', data);
    expect(ending.code).toBe(4);
    expect(complaintOf(ending)).toContain(`chmod ${right} ${join(data, path)}`);
    expect(await readdir(data)).not.toContain('journal.db-end');
  });

  test('4, when anyone can replace the data folder, or that of the backups or of the sockets', async () => {
    const open = join(folder.path, 'open');
    await mkdir(join(open, 'data'), { recursive: true, mode: 0o700 });
    await chmod(open, 0o777);
    const data = await folder.run('--data-dir', join(open, 'data'));
    const backups = await runWith({ backups: { folder: join(open, 'backups') } });
    const sockets = await runWith({}, { TMPDIR: open });
    for (const ending of [data, backups, sockets]) {
      expect(ending.code).toBe(4);
      expect(complaintOf(ending)).toContain(`chmod o-w ${open}`);
    }
  });

  async function runWith(config: HubConfig, env: Readonly<Record<string, string>> = {}): Promise<Ending> {
    const other = await HubFolder.create({ config, env });
    onTestFinished(() => other.remove());
    return other.run();
  }
});

test.for([0o000, 0o777])('only its own user can open what a hub creates, with the umask %o too', async (mask) => {
  const before = process.umask(mask);
  const hub = await folder.start().finally(() => process.umask(before));
  await hub.stop();
  const data = join(folder.path, '.hms-sync');
  const names = await readdir(data);
  expect(names).toContain('journal.db');
  const modes = await Promise.all(['', ...names].map(async (name) => (await stat(join(data, name))).mode & 0o777));
  expect(new Set(modes)).toEqual(new Set([0o700, 0o600]));
});

test('a hub with --help or --version prints it and ends with 0', async () => {
  const [help, version] = await Promise.all([folder.run('--help'), folder.run('--version')]);
  expect(help).toMatchObject({ code: 0, stderr: '' });
  expect(help.stdout).toContain('Exit codes: 0 stopped by a signal');
  expect(version).toMatchObject({ code: 0, stdout: '0.1.0\n', stderr: '' });
});

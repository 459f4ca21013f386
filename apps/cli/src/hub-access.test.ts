import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { certificate } from '../test/certificate.ts';
import { type FakeHub, startFakeHub } from '../test/fake-hub.ts';
import { runInProcess } from '../test/run-in-process.ts';
import { commandLine } from './advice.ts';
import { ExitCode } from './failure.ts';

let folder: string;
let fake: FakeHub;
/** What the hub was shown. */
let shown: (string | null)[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hms-sync-contexts-'));
  await mkdir(join(folder, 'hms-sync'));
  vi.stubEnv('XDG_CONFIG_HOME', folder);
  shown = [];
  fake = await startFakeHub({
    access: {
      listTokens: (_request, { requestHeader }) => {
        shown.push(requestHeader.get('authorization'));
        return { tokens: [] };
      },
    },
  });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await fake.close();
  await rm(folder, { recursive: true });
});

async function write(name: string, text: string, mode = 0o600): Promise<string> {
  const path = join(folder, 'hms-sync', name);
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

const contexts = () =>
  `test: { address: '${fake.address}', tokenFile: test.token }\nopen: { address: '${fake.address}' }`;
const listTokens = (...words: readonly string[]) => runInProcess('token', 'list', ...words);

describe('a context', () => {
  beforeEach(async () => {
    await write('contexts.yaml', contexts());
    await write('test.token', 'of-the-context\n');
  });

  test('names a hub and the token for it', async () => {
    expect((await listTokens('--context', 'test')).exitCode).toBe(ExitCode.ok);
    vi.stubEnv('HMS_SYNC_CONTEXT', 'test');
    expect((await listTokens()).exitCode).toBe(ExitCode.ok);
    expect(shown).toEqual(['Bearer of-the-context', 'Bearer of-the-context']);
  });

  test('goes before the environment, whose token may be that of another hub', async () => {
    vi.stubEnv('HMS_SYNC_ADDRESS', 'http://127.0.0.1:1');
    vi.stubEnv('HMS_SYNC_TOKEN', 'of-the-environment');
    vi.stubEnv('HMS_SYNC_TOKEN_FILE', await write('other.token', 'of-the-environment'));
    await listTokens('--context', 'test');
    await listTokens('--context', 'open');
    expect(shown).toEqual(['Bearer of-the-context', null]);
  });

  test('goes behind what is typed', async () => {
    const other = await write('other.token', 'typed');
    await listTokens('--context', 'test', '--token-file', other);
    vi.stubEnv('HMS_SYNC_CONTEXT', 'nowhere');
    await listTokens('--address', fake.address, '--token-file', other);
    expect(shown).toEqual(['Bearer typed', 'Bearer typed']);
  });

  test('is in the commands that are proposed, unless the environment names it', async () => {
    await listTokens('--context', 'test');
    expect(commandLine(['health'], fake.address)).toBe('hms-sync health --context test');
    vi.stubEnv('HMS_SYNC_CONTEXT', 'test');
    await listTokens();
    expect(commandLine(['health'], fake.address)).toBe('hms-sync health');
    expect(commandLine(['health'], 'http://127.0.0.1:7003')).toBe('hms-sync health --address http://127.0.0.1:7003');
  });

  test.each([
    ['of another name', ['--context', 'tets'], {}, 'there is no context "tets"; did you mean test?'],
    ['of a name like none', ['--context', 'production'], {}, 'contexts.yaml has test, open'],
    [
      'beside an address',
      ['--context', 'test', '--address', 'http://x:1'],
      {},
      '--context and --address each name a hub',
    ],
    ['beside an address, by the environment', [], { HMS_SYNC_CONTEXT: 'test', HMS_SYNC_ADDRESS: 'x:1' }, 'unset one'],
  ])('%s is refused', async (_what, words, env, says) => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    const { exitCode, stderr } = await listTokens(...words);
    expect([exitCode, stderr()]).toEqual([ExitCode.usage, expect.stringContaining(says)]);
    expect(shown).toEqual([]);
  });
});

describe('context list', () => {
  test('shows all, and where their files are', async () => {
    await write('contexts.yaml', `prod: { address: 'https://hub:7003', tokenFile: /run/t, ca: ca.pem }\n${contexts()}`);
    const table = (await runInProcess('context', 'list')).stdout();
    expect(table).toMatch(/^NAME +ADDRESS +TOKEN FILE +CA\nprod +https:\/\/hub:7003 +\/run\/t +\S+ca\.pem\ntest /);
    expect(JSON.parse((await runInProcess('context', 'list', '--json')).stdout())).toEqual([
      { name: 'prod', address: 'https://hub:7003', token_file: '/run/t', ca: join(folder, 'hms-sync', 'ca.pem') },
      { name: 'test', address: fake.address, token_file: join(folder, 'hms-sync', 'test.token') },
      { name: 'open', address: fake.address },
    ]);
  });

  test('of none says where they would be', async () => {
    const { exitCode, stderr } = await runInProcess('context', 'list');
    expect([exitCode, stderr()]).toEqual([ExitCode.ok, expect.stringContaining(join(folder, 'hms-sync'))]);
    const named = await listTokens('--context', 'prod');
    expect(named.stderr()).toContain('such as prod: { address: https://hub.clinic.example:7003');
  });

  test.each([
    ['no YAML', 'prod: {', /contexts\.yaml: .* at line 1/],
    ['a list', '- prod', /does not hold contexts by their names/],
    ['a context without an address', 'prod: { ca: x }', /prod\.address is missing/],
    ['an address that is none', 'prod: { address: "ftp://x" }', /prod\.address: Write it as http/],
    ['a secret', 'prod: { address: x, token: hunter2 }', /prod\.token: a secret does not belong here/],
    [
      'an unknown field',
      'prod: { address: x, tokenfile: x }',
      /prod\.tokenfile is unknown; there are address, tokenFile, ca/,
    ],
    ['a wrong path', 'prod: { address: x, ca: [] }', /prod\.ca is not the path of a file/],
    ['a wrong name', '"a b": { address: x }', /a b is not 1 to 63 letters/],
  ])('of a file with %s says what is wrong', async (_what, text, says) => {
    await write('contexts.yaml', text);
    const { exitCode, stderr } = await runInProcess('context', 'list');
    expect([exitCode, stderr()]).toEqual([ExitCode.usage, expect.stringMatching(says)]);
    expect(stderr()).not.toContain('hunter2');
  });

  test('of a file that others can write says what to do', async () => {
    const path = await write('contexts.yaml', contexts(), 0o666);
    expect((await runInProcess('context', 'list')).stderr()).toContain(`chmod go-w ${path}`);
  });
});

test('a CA that is named is trusted', async () => {
  const server = createSecureServer(certificate, (_request, response) => void response.writeHead(404).end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ca = await write('ca.pem', certificate.cert);
  await write('contexts.yaml', `secure: { address: '${address}', ca: ca.pem }`);
  expect((await listTokens('--address', address)).stderr()).toContain('is not trusted');
  const trusting = [
    ['--address', address, '--ca', ca],
    ['--context', 'secure'],
  ];
  for (const words of trusting) expect((await listTokens(...words)).stderr()).toMatch(/UNIMPLEMENTED/);
});

test.each([
  ['is missing', undefined, /the CA file .*ca\.pem cannot be read \(ENOENT\)/],
  ['holds none', 'hunter2', /ca\.pem holds no certificate in PEM/],
])('a CA that %s is refused before anything is sent', async (_what, text, says) => {
  const path = join(folder, 'hms-sync', 'ca.pem');
  if (text !== undefined) await write('ca.pem', text);
  const { exitCode, stderr } = await listTokens('--address', fake.address, '--ca', path);
  expect([exitCode, stderr()]).toEqual([ExitCode.usage, expect.stringMatching(says)]);
  expect(stderr()).not.toContain('hunter2');
  expect(shown).toEqual([]);
});

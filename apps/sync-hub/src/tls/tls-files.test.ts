import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { ours, strangers } from './certificates.fixture.ts';
import { TlsError, TlsFiles, type TlsFilesOptions, type TlsPaths } from './tls-files.ts';

const EXPIRES_MS = Date.parse('2126-10-30T03:48:34Z');

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-tls-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await write(folder, ours);
  return folder;
}

async function write(folder: string, { cert, key }: typeof ours): Promise<void> {
  await writeFile(join(folder, 'hub.pem'), cert);
  await writeFile(join(folder, 'hub-key.pem'), key);
}

const pathsIn = (folder: string, more: Partial<TlsPaths> = {}): TlsPaths => ({
  ...{ cert: join(folder, 'hub.pem'), key: join(folder, 'hub-key.pem') },
  ...{ clientCa: undefined, crl: undefined, minVersion: 'TLSv1.2' },
  ...more,
});

async function open(paths: TlsPaths, options: Partial<TlsFilesOptions> = {}) {
  const said: string[] = [];
  const files = await TlsFiles.open(paths, {
    report: (level, text) => void said.push(`${level}: ${text}`),
    settleMs: 10,
    ...options,
  });
  onTestFinished(() => files.close());
  const changes: boolean[] = [];
  files.onChange(({ trust }) => void changes.push(trust));
  return { files, said, changes };
}

it('reads the files again when they change, by themselves', async () => {
  const folder = await makeFolder();
  const { files, said, changes } = await open(pathsIn(folder));
  expect(files.context).toMatchObject({ cert: ours.cert, key: ours.key, minVersion: 'TLSv1.2' });
  await write(folder, strangers);
  await vi.waitFor(() => expect(files.context.cert).toBe(strangers.cert), 10_000);
  expect(changes).toEqual([false]);
  expect(said.at(-1)).toBe('info: the changed files of tls are in use; the certificate expires on 2126-10-30');
});

it('sees a link that is turned to another folder, as Kubernetes does', async () => {
  const folder = await makeFolder();
  for (const [name, pair] of Object.entries({ first: ours, second: strangers })) {
    await mkdir(join(folder, name));
    await write(join(folder, name), pair);
  }
  const turnTo = async (name: string) => {
    await symlink(name, join(folder, '..data-new'));
    await rename(join(folder, '..data-new'), join(folder, '..data'));
  };
  await turnTo('first');
  for (const name of ['hub.pem', 'hub-key.pem']) {
    await rm(join(folder, name));
    await symlink(`..data/${name}`, join(folder, name));
  }
  const { files } = await open(pathsIn(folder));
  await turnTo('second');
  await vi.waitFor(() => expect(files.context.cert).toBe(strangers.cert), 10_000);
  await turnTo('first');
  await vi.waitFor(() => expect(files.context.cert).toBe(ours.cert), 10_000);
});

const wrong = [
  {
    what: 'a key of another pair',
    files: { 'hub-key.pem': strangers.key },
    says: /^tls\.key: .* is not the key of the/,
  },
  {
    what: 'a certificate of another pair',
    files: { 'hub.pem': strangers.cert },
    says: /^tls\.key: .* is not the key of/,
  },
  {
    what: 'no certificate',
    files: { 'hub.pem': 'hunter2' },
    says: /^tls\.cert: .*hub\.pem holds no certificate in PEM$/,
  },
  {
    what: 'half a certificate',
    files: { 'hub.pem': ours.cert.replace(/\n.*\n-----END/, '\n-----END') },
    says: /^tls\.cert: .*hub\.pem holds a broken certificate$/,
  },
  { what: 'no key', files: { 'hub-key.pem': 'hunter2' }, says: /^tls\.key: .*holds no private key in PEM/ },
  { what: 'authorities that are none', files: { 'ca.pem': 'hunter2' }, says: /^tls\.clientCa: .*holds no certificate/ },
];

it.each(wrong)('keeps the former files for $what, and says which and why', async ({ files: changed, says }) => {
  const folder = await makeFolder();
  await writeFile(join(folder, 'ca.pem'), ours.cert);
  const { files, said, changes } = await open(pathsIn(folder, { clientCa: join(folder, 'ca.pem') }));
  for (const [name, text] of Object.entries(changed)) await writeFile(join(folder, name), text);
  await files.reload();
  expect(changes).toEqual([]);
  expect(files.context.cert).toBe(ours.cert);
  const [refused, ...more] = said;
  expect(more).toEqual([]);
  expect(refused).toMatch(/^warn: the changed files of tls are not used: tls\./);
  expect(refused?.replace(/^.*?not used: /, '')).toMatch(says);
  expect(refused).not.toContain('hunter2');
  expect(files.warnings).toEqual([
    expect.stringMatching(/^the changed files of tls are not in use, the former ones are: tls\./),
  ]);
  await write(folder, ours);
  await writeFile(join(folder, 'ca.pem'), ours.cert);
  await files.reload();
  expect(files.warnings).toEqual([]);
});

it('does not begin with files that cannot be used', async () => {
  const folder = await makeFolder();
  const clientCa = join(folder, 'ca.pem');
  const crl = join(folder, 'crl.pem');
  const error = (more: Partial<TlsPaths>) =>
    TlsFiles.open(pathsIn(folder, more), { report: () => undefined }).catch((thrown: unknown) => thrown);
  expect(await error({ clientCa })).toEqual(new TlsError(`tls.clientCa: ${clientCa} cannot be read (ENOENT)`));
  await writeFile(clientCa, ours.cert);
  await writeFile(crl, 'hunter2');
  expect(await error({ clientCa, crl })).toEqual(new TlsError(`tls.crl: ${crl} holds no revocation list in PEM`));
});

it('goes on when a file is gone, and finds it again', async () => {
  const folder = await makeFolder();
  const { files } = await open(pathsIn(folder));
  await rm(join(folder, 'hub.pem'));
  await vi.waitFor(() => expect(files.warnings.join()).toMatch(/tls\.cert: .* cannot be read \(ENOENT\)/), 10_000);
  await write(folder, strangers);
  await vi.waitFor(() => expect(files.context.cert).toBe(strangers.cert), 10_000);
  expect(files.warnings).toEqual([]);
});

it('says when the authorities changed', async () => {
  const folder = await makeFolder();
  const clientCa = join(folder, 'ca.pem');
  await writeFile(clientCa, ours.cert);
  const { files, changes } = await open(pathsIn(folder, { clientCa }));
  await writeFile(clientCa, strangers.cert);
  await files.reload();
  await files.reload();
  expect(changes).toEqual([true]);
});

it('warns from two weeks before the certificate expires', async () => {
  const folder = await makeFolder();
  const open15 = await open(pathsIn(folder), { wallMs: () => EXPIRES_MS - 15 * 86_400_000 });
  expect(open15.files.warnings).toEqual([]);
  const open13 = await open(pathsIn(folder), { wallMs: () => EXPIRES_MS - 13 * 86_400_000 });
  expect(open13.files.warnings).toEqual([expect.stringMatching(/hub\.pem expires on 2126-10-30: put a new one there/)]);
  await open13.files.reload();
  expect(open13.said).toEqual([expect.stringMatching(/^warn: the certificate .*hub\.pem expires on/)]);
});

it('takes other files, and watches these from then on; those that cannot be used change nothing', async () => {
  const [folder, next] = [await makeFolder(), await makeFolder()];
  await write(next, strangers);
  const { files, changes } = await open(pathsIn(folder));
  await expect(files.prepare({ ...pathsIn(next), key: join(folder, 'hub-key.pem') })).rejects.toThrow(TlsError);
  expect(files.context.cert).toBe(ours.cert);
  expect(files.warnings).toEqual([]);
  const same = await files.prepare({ ...pathsIn(folder), minVersion: 'TLSv1.3' });
  expect(same.isOther).toBe(true);
  const other = await files.prepare(pathsIn(next));
  expect(other.isOther).toBe(true);
  other.use();
  expect(files.context.cert).toBe(strangers.cert);
  await write(next, ours);
  await vi.waitFor(() => expect(files.context.cert).toBe(ours.cert), 10_000);
  expect(changes).toEqual([false, false]);
  expect((await files.prepare(pathsIn(next))).isOther).toBe(false);
});

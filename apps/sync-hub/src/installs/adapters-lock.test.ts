import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { AdaptersLock, type LockedAdapter } from './adapters-lock.ts';
import { useFolder } from './sample-package.fixture.ts';

const digest = `sha512-${'A'.repeat(86)}==`;
const locked = (version: string): LockedAdapter => ({
  package: '@clinic/adapter-lab',
  current: { version, integrity: digest, tree: digest, from: 'lab', installedAt: '2026-01-02T03:04:05.678Z' },
});

async function openLock() {
  const path = join(await useFolder(), 'adapters.lock');
  return { path, lock: await AdaptersLock.read(path) };
}

it('is what was written, in the order of the ids, for the hub alone to read', async () => {
  const { path, lock } = await openLock();
  await Promise.all([
    lock.set('lab', locked('1.0.0')),
    lock.set('eye', locked('2.0.0')),
    lock.set('gone', locked('1.0.0')),
  ]);
  await lock.set('gone', undefined);
  const again = await AdaptersLock.read(path);
  expect([...again]).toEqual([
    ['eye', locked('2.0.0')],
    ['lab', locked('1.0.0')],
  ]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

it('is the one before when a crash left half of the next beside it', async () => {
  const { path, lock } = await openLock();
  await lock.set('lab', locked('1.0.0'));
  await writeFile(`${path}.new`, '{"lockVersion":1,"adap');
  expect((await AdaptersLock.read(path)).get('lab')).toEqual(locked('1.0.0'));
});

it('changes nothing when it cannot be written, and says so', async () => {
  const { path, lock } = await openLock();
  await lock.set('lab', locked('1.0.0'));
  const nowhere = await AdaptersLock.read(join(path, 'in-a-file', 'adapters.lock')).catch((error: unknown) => error);
  expect(nowhere).toMatchObject({ code: 'LOCK_FAILED', message: expect.stringContaining('ENOTDIR') });
  const missing = await AdaptersLock.read(join(await useFolder(), 'no-folder', 'adapters.lock'));
  await expect(missing.set('lab', locked('1.1.0'))).rejects.toMatchObject({
    code: 'LOCK_FAILED',
    message: expect.stringContaining('ENOENT'),
  });
  expect(missing.get('lab')).toBeUndefined();
});

it('is refused when any character of what it says was changed, also one of a configuration', async () => {
  const { path, lock } = await openLock();
  await lock.set('lab', { ...locked('1.0.0'), config: { url: 'https://lab.example', ward: 'north' } });
  const text = await readFile(path, 'utf8');
  expect((await AdaptersLock.read(path)).get('lab')?.config).toEqual({ url: 'https://lab.example', ward: 'north' });
  for (const { index } of text.matchAll(/\w/g)) {
    const other = text[index] === 'a' ? 'b' : 'a';
    await writeFile(path, text.slice(0, index) + other + text.slice(index + 1));
    await expect(AdaptersLock.read(path)).rejects.toMatchObject({ code: 'LOCK_FAILED' });
  }
});

it.each([
  ['no JSON', '{', 'is not JSON'],
  ['JSON with a byte order mark', '\ufeff{}', 'byte order mark'],
  ['nested too deep', '['.repeat(100_000), 'nested deeper'],
  ['of another version', '{"lockVersion":2,"adapters":{}}', 'lockVersion'],
  [
    'an integrity that is none',
    JSON.stringify({ lockVersion: 1, adapters: { lab: { ...locked('1.0.0'), current: {} } } }),
    'adapters.lab.current',
  ],
  [
    'an id that leaves the folder',
    JSON.stringify({ lockVersion: 1, adapters: { '../lab': locked('1.0.0') } }),
    'adapters',
  ],
])('is refused as a whole when it is %s', async (_what, text, says) => {
  const { path } = await openLock();
  await writeFile(path, text);
  await expect(AdaptersLock.read(path)).rejects.toMatchObject({
    code: 'LOCK_FAILED',
    message: expect.stringContaining(says),
  });
  expect(await readFile(path, 'utf8')).toBe(text);
});

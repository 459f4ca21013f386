import { execFileSync } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../runtimes/manifest.ts';
import { AdapterStore, type StoredVersion } from './adapter-store.ts';
import { runNpm } from './npm.ts';
import { useFolder, writePackage } from './sample-package.fixture.ts';

async function openStore() {
  const folder = join(await useFolder(), 'adapters');
  return { folder, store: await AdapterStore.open(folder) };
}

/** What a lane does with an installed version: from here on the lock names it. */
async function keep(store: AdapterStore, { manifest, locked }: StoredVersion) {
  const previous = store.lock.get(manifest.id)?.current;
  await store.lock.set(manifest.id, { package: manifest.package, current: locked, ...(previous && { previous }) });
}

async function flipByte(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

describe('installing', () => {
  it('is the same from a folder and from its tarball: the same bytes, with a lockfile of its own', async () => {
    const source = await writePackage();
    const first = await openStore();
    const fromFolder = await first.store.install(source);
    const packed = await useFolder();
    await runNpm({ name: 'pack', flags: ['--pack-destination', packed], packages: [source] }, packed);
    const second = await openStore();
    const fromTarball = await second.store.install(join(packed, 'clinic-adapter-lab-1.0.0.tgz'));
    expect(fromTarball.locked.integrity).toBe(fromFolder.locked.integrity);
    expect(fromFolder.manifest).toMatchObject({ id: 'lab', package: '@clinic/adapter-lab', version: '1.0.0' });
    expect((await readdir(join(first.folder, 'lab', '1.0.0'))).sort()).toEqual([
      'adapter.tgz',
      'node_modules',
      'package-lock.json',
      'package.json',
    ]);
  });

  it('runs no script of the package', async () => {
    const touch = "node -e \"require('fs').writeFileSync('ran', '')\"";
    const scripts = { preinstall: touch, install: touch, postinstall: touch, prepare: touch, prepack: touch };
    const source = await writePackage({ packageJson: { scripts } });
    const { store } = await openStore();
    const { manifest } = await store.install(source);
    expect(await readdir(manifest.folder)).not.toContain('ran');
    expect(await readdir(source)).not.toContain('ran');
  });

  it('leaves nothing behind when it fails, and what was left by a crash counts for nothing', async () => {
    const { folder, store } = await openStore();
    await expect(store.install(await writePackage({ packageJson: { version: undefined } }))).rejects.toMatchObject({
      code: 'NPM_FAILED',
    });
    expect(await readdir(folder)).toEqual([]);
    await mkdir(join(folder, '.new-abcdef'));
    await mkdir(join(folder, 'lab', '1.0.0'), { recursive: true });
    const again = await AdapterStore.open(folder);
    await again.tidy();
    expect(await readdir(folder)).toEqual(['lab']);
    expect(await again.install(await writePackage())).toMatchObject({ locked: { version: '1.0.0' } });
  });

  it.each(['./../../../outside.js', './../adapter-other/index.js'])(
    'refuses a package whose code is outside of it: %s',
    async (exports) => {
      const { store } = await openStore();
      const source = await writePackage({ packageJson: { exports } });
      await expect(store.install(source)).rejects.toThrow('is not a file of the package');
    },
  );

  it.each([
    ['has no keyword', { packageJson: { keywords: ['adapter'] } }, /keywords .* do not include "hms-sync-adapter"/],
    ['has no manifest', { packageJson: { hmsSync: undefined } }, /hmsSync is missing/],
    ['speaks another protocol', { packageJson: { hmsSync: { manifest: 1, id: 'lab', protocols: [9] } } }, /protocol 9/],
    [
      'was published without its build',
      { packageJson: { exports: './dist/index.js' } },
      /dist\/index\.js.*published built/,
    ],
    [
      'does not export its entry',
      { packageJson: { exports: { './other': './index.js' } } },
      /no code where its manifest/,
    ],
  ])('refuses a package that %s', async (_what, content, says) => {
    const { store } = await openStore();
    const source = await writePackage(content);
    await expect(store.install(source)).rejects.toMatchObject({
      code: 'NOT_AN_ADAPTER',
      message: expect.stringMatching(says),
    });
  });

  it.each([
    ['git', { third: 'git+https://127.0.0.1:1/third.git' }, 'third by git'],
    ['an address', { third: 'http://127.0.0.1:1/third.tgz' }, 'third by an address'],
    ['a file', { third: 'file:/etc' }, 'third by a file'],
  ])('refuses a package that depends on something by %s before npm fetches it', async (_what, dependencies, says) => {
    const { folder, store } = await openStore();
    const source = await writePackage({ packageJson: { dependencies } });
    await expect(store.install(source)).rejects.toMatchObject({
      code: 'NOT_ALLOWED',
      message: expect.stringContaining(says),
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it('refuses a package whose dependency has one by a file', async () => {
    const { folder, store } = await openStore();
    const source = await writePackage({
      packageJson: { dependencies: { second: '1.0.0' }, bundleDependencies: ['second'] },
    });
    const second = { name: 'second', version: '1.0.0', dependencies: { third: 'file:/etc' } };
    await mkdir(join(source, 'node_modules/second'), { recursive: true });
    await writeFile(join(source, 'node_modules/second/package.json'), JSON.stringify(second));
    await expect(store.install(source)).rejects.toMatchObject({
      code: 'NOT_ALLOWED',
      message: expect.stringContaining('second depends on third by a file'),
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it('is reviewed first without a trace, and then of the same bytes alone', async () => {
    const { folder, store } = await openStore();
    const source = await writePackage();
    const { manifest, integrity, origin } = await store.review(source, { id: 'lab-south' });
    expect({ ...manifest, origin }).toMatchObject({ id: 'lab-south', version: '1.0.0', origin: source });
    expect(await readdir(folder)).toEqual([]);
    const changed = await writePackage({ definition: 'push: () => "other"' });
    await expect(store.install(changed, { integrity })).rejects.toMatchObject({ code: 'CHANGED' });
    expect(await readdir(folder)).toEqual([]);
    expect(await store.install(source, { integrity })).toMatchObject({ locked: { integrity } });
  });

  it('leaves everything as it was when the package may not have the id', async () => {
    const { folder, store } = await openStore();
    await keep(store, await store.install(await writePackage()));
    const claim = ({ id, package: name }: Manifest) => {
      throw new Error(`${name} may not be ${id}`);
    };
    const other = await writePackage({ packageJson: { name: 'other-lab' } });
    await expect(store.install(other, { claim })).rejects.toThrow('other-lab may not be lab');
    expect((await readdir(folder)).sort()).toEqual(['adapters.lock', 'lab']);
  });

  it('takes an id beside that of the manifest, and refuses a version that is there with other bytes', async () => {
    const { store } = await openStore();
    await keep(store, await store.install(await writePackage()));
    const other = await writePackage({ packageJson: { name: 'other-lab' } });
    expect(await store.install(other, { id: 'lab-two' })).toMatchObject({
      manifest: { id: 'lab-two', package: 'other-lab' },
    });
    const changed = await writePackage({ definition: 'push: () => "other"' });
    await expect(store.install(changed)).rejects.toMatchObject({
      code: 'TAKEN',
      message: expect.stringContaining('other bytes'),
    });
  });

  it('says what to do when there is no npm', async () => {
    const folder = await useFolder();
    const store = await AdapterStore.open(folder, { command: 'npm-that-is-not-there' });
    await expect(store.install(await writePackage())).rejects.toMatchObject({
      code: 'NPM_FAILED',
      message: "there is no npm-that-is-not-there in the PATH of the hub; install Node's npm there",
    });
  });
});

describe('loading', () => {
  let folder: string;
  let store: AdapterStore;
  let installed: StoredVersion;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hms-sync-installs-'));
    store = await AdapterStore.open(folder);
    installed = await store.install(await writePackage({ until: afterAll }));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** The installed version, for a test to spoil. */
  async function copyInstalled() {
    const copy = await useFolder();
    await cp(folder, copy, { recursive: true });
    return { place: join(copy, 'lab', '1.0.0'), copied: await AdapterStore.open(copy) };
  }

  it('refuses a version of which any one byte was flipped, and names the file', async () => {
    const { place, copied } = await copyInstalled();
    const files = (await readdir(place, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) {
      const path = join(file.parentPath, file.name);
      await flipByte(path);
      await expect(copied.loadVersion('lab', installed.locked)).rejects.toMatchObject({
        code: 'CHANGED',
        message: expect.stringContaining(`${path} was changed`),
      });
      await flipByte(path);
    }
    expect(await copied.loadVersion('lab', installed.locked)).toMatchObject({ manifest: { version: '1.0.0' } });
  });

  it.each([
    [
      'was added',
      (place: string) => writeFile(join(place, 'node_modules/new.js'), ''),
      'node_modules/new.js was added',
    ],
    [
      'is a pipe',
      (place: string) => execFileSync('mkfifo', [join(place, 'node_modules/pipe')]),
      'node_modules/pipe was added',
    ],
    ['is missing', (place: string) => rm(join(place, 'package-lock.json')), 'package-lock.json is missing'],
    ['may be run now', (place: string) => chmod(join(place, 'package.json'), 0o755), 'package.json was changed'],
    ['is not in the list', (place: string) => writeFile(`${place}.files`, ''), '.files was changed'],
  ])('refuses a version where a file %s', async (_what, spoil, says) => {
    const { place, copied } = await copyInstalled();
    await spoil(place);
    await expect(copied.loadVersion('lab', installed.locked)).rejects.toThrow(says);
  });

  it('takes the version before when the current one was changed, and says why', async () => {
    const { folder, store } = await openStore();
    await keep(store, await store.install(await writePackage()));
    await keep(store, await store.install(await writePackage({ version: '1.1.0' })));
    const locked = store.lock.get('lab');
    if (locked === undefined) throw new Error('the lock does not name it');
    expect(await store.load('lab', locked)).toMatchObject({ manifest: { version: '1.1.0' } });
    await flipByte(join(folder, 'lab', '1.1.0', 'node_modules/@clinic/adapter-lab/index.js'));
    expect(await store.load('lab', locked)).toMatchObject({
      manifest: { version: '1.0.0' },
      insteadOf: { version: '1.1.0', why: expect.stringContaining('index.js was changed') },
    });
  });

  it('is intact again after the same bytes were installed again', async () => {
    const { folder, store } = await openStore();
    const source = await writePackage();
    const { manifest, locked } = await store.install(source);
    await keep(store, { manifest, locked });
    await flipByte(join(folder, 'lab', '1.0.0', 'node_modules/@clinic/adapter-lab/index.js'));
    const again = await store.install(source);
    expect(await store.fault('lab', again.locked)).toBeUndefined();
  });
});

it('removes the versions that the lock does not name', async () => {
  const { folder, store } = await openStore();
  for (const version of ['1.0.0', '1.1.0', '1.2.0'])
    await keep(store, await store.install(await writePackage({ version })));
  await store.prune('lab');
  expect((await readdir(join(folder, 'lab'))).sort()).toEqual(['1.1.0', '1.1.0.files', '1.2.0', '1.2.0.files']);
  await store.lock.set('lab', undefined);
  await store.prune('lab');
  expect(await readdir(folder)).toEqual(['adapters.lock']);
});

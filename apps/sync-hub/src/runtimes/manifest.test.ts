import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { useAdapterPackages } from './adapter-packages.fixture.ts';
import { ManifestError, readManifest, readManifestFile, whyNotGranted } from './manifest.ts';

const rejectionOf = async (reading: Promise<unknown>): Promise<ManifestError> => {
  const error = await reading.catch((thrown: unknown) => thrown);
  if (!(error instanceof ManifestError)) throw new Error(`no ManifestError but ${error}`);
  return error;
};

describe('a manifest', () => {
  it('is read without running the package', async () => {
    const packages = await useAdapterPackages();
    const folder = await packages.add('@clinic/adapter-lab', { files: { 'index.js': 'process.exit(1)' } });
    expect(await readManifest('@clinic/adapter-lab', packages.folder)).toEqual({
      id: 'lab',
      package: '@clinic/adapter-lab',
      version: '1.2.3',
      folder,
      entry: '.',
      memoryMb: 512,
      permissions: undefined,
    });
  });

  it.each([
    ['with a byte order mark', Buffer.from('\ufeff{}'), 'byte order mark'],
    ['that is not UTF-8', Buffer.from('{"name":"Jos\u00e9"}', 'latin1'), 'byte offset 12'],
    ['that is not JSON', Buffer.from('{"name":hunter2}'), 'is not JSON'],
    ['nested too deep', Buffer.from('['.repeat(100_000)), 'nested deeper'],
  ])('%s is refused by what is wrong with it', async (_what, bytes, says) => {
    const packages = await useAdapterPackages();
    const folder = await packages.add('adapter-lab', {});
    await writeFile(join(folder, 'package.json'), bytes);
    const rejection = await rejectionOf(readManifestFile(join(folder, 'package.json')));
    expect(rejection).toMatchObject({ code: 'INVALID', message: expect.stringContaining(says) });
    expect(rejection.message).not.toContain('hunter2');
  });

  it('may bound its memory and declare what its process may do', async () => {
    const packages = await useAdapterPackages();
    const declared = { limits: { memoryMb: 256 }, permissions: { fsRead: ['./certificates'], worker: true } };
    await packages.add('adapter-lab', {
      packageJson: { hmsSync: { manifest: 1, id: 'lab', protocols: [1], ...declared } },
    });
    expect(await readManifest('adapter-lab', packages.folder)).toMatchObject({
      memoryMb: 256,
      permissions: { fsRead: ['./certificates'], fsWrite: [], childProcess: false, worker: true, addons: false },
    });
  });

  it.each([
    ['no more memory than is granted', 1_024, {}, 'required', undefined],
    ['no permissions where none are needed', 1_024, undefined, 'optional', undefined],
    [
      'more memory than is granted',
      65_536,
      {},
      'optional',
      'adapter-lab@1.2.3 asks for 65536 MB of memory (hmsSync.limits.memoryMb of its package.json; 512 if absent), and adapterPolicy.maxMemoryMb of hms-sync.yaml allows 1024; if it needs that much, raise the setting and restart the hub',
    ],
    [
      'no permissions where they are required',
      256,
      undefined,
      'required',
      'adapter-lab@1.2.3 does not declare what it may reach (hmsSync.permissions of its package.json), and adapterPolicy.permissions of hms-sync.yaml is required; install a version that declares it, or write permissions: optional there and restart the hub',
    ],
  ] as const)(
    'that asks for %s may run, or is refused with the reason',
    async (_what, memoryMb, declared, permissions, why) => {
      const packages = await useAdapterPackages();
      const hmsSync = { manifest: 1, id: 'lab', protocols: [1], limits: { memoryMb }, permissions: declared };
      await packages.add('adapter-lab', { packageJson: { hmsSync } });
      const manifest = await readManifest('adapter-lab', packages.folder);
      expect(whyNotGranted(manifest, { maxMemoryMb: 1_024, permissions })).toBe(why);
    },
  );

  it('may name a subpath as its entry, and more than this hub knows', async () => {
    const packages = await useAdapterPackages();
    const hmsSync = {
      manifest: 1,
      id: 'lab',
      protocols: [7, 1],
      entry: './adapter',
      limits: { memoryMb: 256 },
      new: true,
    };
    await packages.add('adapter-lab', { packageJson: { hmsSync } });
    expect(await readManifest('adapter-lab', packages.folder)).toMatchObject({ entry: './adapter' });
  });

  it('is found in a package whose exports do not let package.json out', async () => {
    const packages = await useAdapterPackages();
    await packages.add('adapter-lab', { packageJson: { exports: { './adapter': './adapter.js' } } });
    expect(await readManifest('adapter-lab', packages.folder)).toMatchObject({ id: 'lab' });
  });

  it('is looked for from the configuration upwards', async () => {
    const packages = await useAdapterPackages();
    await packages.add('adapter-lab', {});
    expect(await readManifest('adapter-lab', join(packages.folder, 'deep', 'down'))).toMatchObject({ id: 'lab' });
  });

  it("is looked for beside the configuration before the hub's own packages", async () => {
    const packages = await useAdapterPackages();
    const own = await readManifest('@hms-sync/adapter-billing', packages.folder);
    expect(own.id).toBe('billing');
    const hmsSync = { manifest: 1, id: 'other', protocols: [1] };
    const folder = await packages.add('@hms-sync/adapter-billing', { packageJson: { hmsSync } });
    expect(await readManifest('@hms-sync/adapter-billing', packages.folder)).toMatchObject({ id: 'other', folder });
  });
});

describe('a package that is not an adapter for this hub', () => {
  it('is reported as missing, with where it was looked for and what to do', async () => {
    const { folder } = await useAdapterPackages();
    const error = await rejectionOf(readManifest('adapter-nowhere', folder));
    expect(error.code).toBe('NOT_FOUND');
    expect(error.message).toBe(
      `the package adapter-nowhere is not in node_modules of ${folder} or above; install it there: npm install adapter-nowhere`,
    );
  });

  it.each(['', '@', '@clinic', '..', '%', 'node:fs', 'a\0b'])(
    'is missing when its name is none: "%s"',
    async (name) => {
      const { folder } = await useAdapterPackages();
      expect(['NOT_FOUND', 'INVALID']).toContain((await rejectionOf(readManifest(name, folder))).code);
    },
  );

  it.each([
    [{ hmsSync: undefined }, /package\.json: hmsSync is missing: this package is not an HMS-Sync adapter$/],
    [{ hmsSync: 'yes' }, /: hmsSync is missing/],
    [{ hmsSync: { manifest: 1, id: 'Lab', protocols: [1] } }, /: hmsSync\.id must be 1 to 63 characters/],
    [{ hmsSync: { manifest: 1, id: 'lab', protocols: [] } }, /: hmsSync\.protocols /],
    [{ hmsSync: { manifest: 1, id: 'lab', protocols: ['1'] } }, /: hmsSync\.protocols\.0 /],
    [{ hmsSync: { manifest: 1, id: 'lab' } }, /: hmsSync\.protocols /],
    [{ hmsSync: { manifest: 1, id: 'lab', protocols: [1], entry: 'dist/index.js' } }, /: hmsSync\.entry must be "\."/],
    [{ hmsSync: { manifest: 1, id: 'lab', protocols: [1], entry: '../other' } }, /: hmsSync\.entry must be/],
    [{ hmsSync: { manifest: 1, id: 'lab', protocols: [1], limits: { memoryMb: 1 } } }, /: hmsSync\.limits\.memoryMb /],
    [{ hmsSync: { manifest: 1, id: 'lab', protocols: [1], permissions: { fsreed: [] } } }, /: hmsSync\.permissions /],
    [{ version: undefined }, /: version /],
    [
      { hmsSync: { manifest: 2, id: 'lab', protocols: [1] } },
      /hmsSync\.manifest is 2, this hub reads 1; install another version of adapter-lab/,
    ],
  ])('is refused with the wrong field: %j', async (packageJson, message) => {
    const packages = await useAdapterPackages();
    await packages.add('adapter-lab', { packageJson });
    const error = await rejectionOf(readManifest('adapter-lab', packages.folder));
    expect(error.code).toBe('INVALID');
    expect(error.message).toMatch(message);
  });

  it('is refused when its package.json is not JSON', async () => {
    const packages = await useAdapterPackages();
    const folder = await packages.add('adapter-lab', { files: { 'package.json': '{' } });
    const error = await rejectionOf(readManifest('adapter-lab', packages.folder));
    expect(error).toMatchObject({ code: expect.stringMatching(/INVALID|NOT_FOUND/) });
    expect(error.message).toMatch(new RegExp(`${folder}|adapter-lab`));
  });

  it('is rejected when it supports none of the protocols, with those that would do', async () => {
    const packages = await useAdapterPackages();
    await packages.add('adapter-lab', { packageJson: { hmsSync: { manifest: 1, id: 'lab', protocols: [2, 3] } } });
    const error = await rejectionOf(readManifest('adapter-lab', packages.folder));
    expect(error.code).toBe('NO_COMMON_PROTOCOL');
    expect(error.message).toMatch(/adapter-lab@1\.2\.3 speaks adapter protocol 2, 3, this hub 1; install a version/);
  });
});

import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { AdapterStore } from './adapter-store.ts';
import { useFolder, writePackage } from './sample-package.fixture.ts';
import { unpublishedPackages } from './unpublished.ts';

/** A checkout whose SDK is on no registry: it is linked into node_modules, beside what npm installed. */
async function writeCheckout({ isBuilt = true } = {}): Promise<string> {
  const checkout = await useFolder();
  const write = async (path: string, packageJson: object, file: string) => {
    const folder = join(checkout, path);
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, 'package.json'), JSON.stringify({ version: '0.1.0', type: 'module', ...packageJson }));
    await writeFile(join(folder, file), 'export {};\n');
  };
  const dependencies = { '@clinic/proto': '0.1.0', third: '2.17.0' };
  await write(
    'sdk',
    { name: '@clinic/sdk', files: ['dist'], dependencies },
    isBuilt ? 'dist/index.js' : 'src/index.ts',
  );
  await write('proto', { name: '@clinic/proto', dependencies: { third: '^2.0.0' } }, 'index.js');
  await write('node_modules/third', { name: 'third', version: '2.17.0' }, 'index.js');
  await mkdir(join(checkout, 'node_modules/@clinic'));
  await symlink('../../sdk', join(checkout, 'node_modules/@clinic/sdk'));
  await symlink('../../proto', join(checkout, 'node_modules/@clinic/proto'));
  return checkout;
}

/** Nothing answers, and npm has seen nothing before. */
async function withoutRegistry(): Promise<void> {
  vi.stubEnv('npm_config_registry', 'http://127.0.0.1:1/');
  vi.stubEnv('npm_config_cache', await useFolder());
  vi.stubEnv('npm_config_fetch_retries', '0');
  onTestFinished(() => void vi.unstubAllEnvs());
}

it.each(['0.1.0', 'file:../sdk'])(
  'an adapter of a checkout is installed with an SDK "%s" that is on no registry, and none is asked',
  async (sdk) => {
    await withoutRegistry();
    const checkout = await writeCheckout();
    const source = await writePackage({ packageJson: { dependencies: { '@clinic/sdk': sdk, third: '^2.1.0' } } });
    await symlink(join(checkout, 'node_modules'), join(source, 'node_modules'));
    const store = await AdapterStore.open(join(await useFolder(), 'adapters'));
    const { manifest, locked } = await store.install(source);
    const modules = join(manifest.folder, '../..');
    for (const [name, file] of [
      ['@clinic/sdk', 'dist/index.js'],
      ['@clinic/proto', 'index.js'],
      ['third', 'index.js'],
    ] as const) {
      expect(JSON.parse(await readFile(join(modules, name, 'package.json'), 'utf8'))).toMatchObject({ name });
      expect(await readFile(join(modules, name, file), 'utf8')).toBe('export {};\n');
    }
    expect(await store.fault('lab', locked)).toBeUndefined();
  },
);

it('what a tarball depends on is found from the hub, each in its own version', async () => {
  const checkout = await writeCheckout();
  const { packages, unbuilt } = await unpublishedPackages(['@clinic/sdk', 'nowhere'], [checkout]);
  expect(packages).toEqual([
    { folder: join(checkout, 'sdk'), name: '@clinic/sdk', version: '0.1.0' },
    { folder: join(checkout, 'proto'), name: '@clinic/proto', version: '0.1.0' },
    { folder: join(checkout, 'node_modules/third'), name: 'third', version: '2.17.0' },
  ]);
  expect(unbuilt).toEqual([]);
});

it('an adapter that depends on nothing unpublished is left to npm and its registry', async () => {
  expect(await unpublishedPackages(['third'], [await writeCheckout()])).toEqual({ packages: [], unbuilt: [] });
});

it('a package that is not built is named with what to do', async () => {
  await withoutRegistry();
  const checkout = await writeCheckout({ isBuilt: false });
  const source = await writePackage({ packageJson: { dependencies: { '@clinic/sdk': '0.1.0' } } });
  await symlink(join(checkout, 'node_modules'), join(source, 'node_modules'));
  const store = await AdapterStore.open(join(await useFolder(), 'adapters'));
  await expect(store.install(source)).rejects.toThrow('in this checkout @clinic/sdk is not built: npm run build');
});

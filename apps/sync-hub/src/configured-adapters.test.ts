import { describe, expect, it } from 'vitest';
import { addedAdapter } from './config/config.ts';
import { findConfigured } from './configured-adapters.ts';
import { AdapterStore } from './installs/adapter-store.ts';
import { useAdapterPackages } from './runtimes/adapter-packages.fixture.ts';
import { ManifestError } from './runtimes/manifest.ts';

interface Named {
  readonly package: string;
  readonly id: string | undefined;
}

const named = (packageName: string, id?: string): Named => ({ package: packageName, id });

/** The adapters that a configuration file in a folder names. */
async function findAdapters(names: readonly Named[], folder: string) {
  const adapterPolicy = { allow: [], secrets: [], maxMemoryMb: 1_024, permissions: 'optional' } as const;
  const rules = { adapterPolicy, secrets: { folder: undefined, env: {} } };
  const adapters = names.map((name) => ({ ...addedAdapter({ package: name.package, config: {} }, rules), ...name }));
  return findConfigured({ ...rules, adapters, folder }, await AdapterStore.open(`${folder}/adapters`));
}

async function packagesWith(ids: Readonly<Record<string, string>>) {
  const packages = await useAdapterPackages();
  for (const [name, id] of Object.entries(ids)) {
    await packages.add(name, { packageJson: { hmsSync: { manifest: 1, id, protocols: [1] } } });
  }
  return packages.folder;
}

describe('adapters', () => {
  it('are found in alphabetical order of their ids, whatever the order of their names', async () => {
    const folder = await packagesWith({ 'adapter-a': 'records', 'adapter-b': 'billing', 'adapter-c': 'scheduling' });
    const found = await findAdapters([named('adapter-c'), named('adapter-a'), named('adapter-b')], folder);
    expect(found.map(({ id }) => id)).toEqual(['billing', 'records', 'scheduling']);
    expect(await findAdapters([], folder)).toEqual([]);
  });

  it('have the id that the configuration gives them, in their manifest too', async () => {
    const folder = await packagesWith({ 'adapter-lab': 'lab' });
    const found = await findAdapters([named('adapter-lab', 'lab-south'), named('adapter-lab')], folder);
    expect(found).toMatchObject([
      { id: 'lab', manifest: { id: 'lab' } },
      { id: 'lab-south', manifest: { id: 'lab-south', package: 'adapter-lab' } },
    ]);
  });

  it.each([
    ['@clinic/adapter-lab', 'lab'],
    ['hms-sync-adapter-lab', 'lab'],
    ['@clinic/hms-sync-adapter-lab', 'lab'],
    ['lab', 'lab'],
  ])('that are missing are found too, with the reason, and an id from their package: %s', async (name, id) => {
    const { folder } = await useAdapterPackages();
    const [found] = await findAdapters([named(name)], folder);
    expect(found?.id).toBe(id);
    expect(found?.manifest).toBeInstanceOf(ManifestError);
    expect(found?.manifest).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('do not keep each other from being found', async () => {
    const folder = await packagesWith({ 'adapter-lab': 'lab' });
    const found = await findAdapters([named('adapter-gone'), named('adapter-lab')], folder);
    expect(found.map(({ manifest }) => manifest instanceof ManifestError)).toEqual([true, false]);
  });

  it('are refused when two have the same id, with both and what to do', async () => {
    const folder = await packagesWith({ 'adapter-a': 'lab', 'adapter-b': 'lab' });
    const finding = findAdapters([named('adapter-a'), named('adapter-z', 'other'), named('adapter-b')], folder);
    await expect(finding).rejects.toMatchObject({
      code: 'TWIN',
      message: expect.stringMatching(/adapter-[ab] and adapter-[ab] both have the id "lab"; give one/),
    });
    const found = await findAdapters([named('adapter-a'), named('adapter-b', 'lab-south')], folder);
    expect(found.map(({ id }) => id)).toEqual(['lab', 'lab-south']);
  });
});

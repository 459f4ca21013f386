import { type AdapterConfig, addedAdapter, type Config } from './config/config.ts';
import type { AdapterStore, LoadableVersion } from './installs/adapter-store.ts';
import { readInstalled } from './installs/read-installed.ts';
import { type FoundAdapter, findAdapters } from './runtimes/find-adapters.ts';
import { readManifest } from './runtimes/manifest.ts';

/** What holds for an adapter, and where it was said. */
export type ConfiguredAdapter = AdapterConfig & {
  /** While the hub ran, and not in the configuration file. */
  readonly isAdded: boolean;
};

/** An adapter that a hub would load, as it was found. */
export interface AdapterToLoad extends FoundAdapter<ConfiguredAdapter> {
  /** Undefined: it does not come from the store, or what is there cannot load. */
  readonly stored: LoadableVersion | undefined;
}

/**
 * All adapters of a hub: those that its configuration file names and those that were added while it ran, in alphabetical
 * order of their ids. What cannot load is found too, with the reason.
 *
 * @throws {ManifestError} TWIN when two have the same id
 */
export async function findConfigured(
  config: Pick<Config, 'adapters' | 'folder' | 'adapterPolicy' | 'secrets'>,
  store: AdapterStore,
): Promise<readonly AdapterToLoad[]> {
  const { adapters, folder } = config;
  const named = adapters.map((adapter) => ({ ...adapter, isAdded: false }));
  const stored = new Map<string, LoadableVersion>();
  const found = await findAdapters([...named, ...added(config, store)], folder, async (adapter) => {
    const { id, package: name, range } = adapter;
    if (id === undefined || range === undefined) return readManifest(name, folder);
    const version = await readInstalled({ id, package: name, range }, store);
    stored.set(id, version);
    return version.manifest;
  });
  return found.map((adapter) => ({ ...adapter, stored: stored.get(adapter.id) }));
}

/** Whoever writes an adapter that was added into the file has the file decide about it. */
function added(
  config: Pick<Config, 'adapters' | 'adapterPolicy' | 'secrets'>,
  { lock }: AdapterStore,
): readonly ConfiguredAdapter[] {
  const inFile = new Set(config.adapters.flatMap(({ id, range }) => (range === undefined ? [] : [id])));
  return Iterator.from(lock)
    .filter(([id]) => !inFile.has(id))
    .flatMap(([id, { package: name, config: own, current }]) => {
      if (own === undefined) return [];
      return [{ ...addedAdapter({ package: name, config: own }, config), id, range: current.version, isAdded: true }];
    })
    .toArray();
}

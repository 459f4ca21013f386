import { type AdapterConfig, addedAdapter, type Config } from './config/config.ts';
import type { AdapterStore, LoadableVersion } from './installs/adapter-store.ts';
import { readInstalled } from './installs/read-installed.ts';
import { type Manifest, ManifestError, readManifest } from './runtimes/manifest.ts';

/** What holds for an adapter, and where it was said. */
export type ConfiguredAdapter = AdapterConfig & {
  /** While the hub ran, and not in the configuration file. */
  readonly isAdded: boolean;
};

/** An adapter that a hub would load, as it was found. */
export interface AdapterToLoad {
  readonly id: string;
  readonly named: ConfiguredAdapter;
  /** Or why there is none. Undefined: it runs elsewhere. */
  readonly manifest: Manifest | ManifestError | undefined;
  /** Undefined: it does not come from the store, or what is there cannot load. */
  readonly stored: LoadableVersion | undefined;
}

type Sources = Pick<Config, 'adapters' | 'folder' | 'adapterPolicy' | 'secrets'>;

/**
 * All adapters of a hub: those that its configuration file names and those that were added while it ran, in alphabetical
 * order of their ids. Their code does not run. One that cannot load is found too, with the reason.
 *
 * @throws {ManifestError} TWIN when two have the same id
 */
export async function findConfigured(config: Sources, store: AdapterStore): Promise<readonly AdapterToLoad[]> {
  const named = config.adapters.map((adapter) => ({ ...adapter, isAdded: false }));
  const all = [...named, ...added(config, store)];
  const found = await Promise.all(all.map((adapter) => find(adapter, config.folder, store)));
  found.sort((a, b) => (a.id < b.id ? -1 : 1));
  found.forEach(({ id, named: { package: packageName } }, index) => {
    const twin = found[index - 1];
    if (twin?.id !== id) return;
    throw new ManifestError(
      'TWIN',
      `adapters: ${twin.named.package} and ${packageName} both have the id "${id}"; give one of them another: id: <name>`,
    );
  });
  return found;
}

async function find(named: ConfiguredAdapter, folder: string, store: AdapterStore): Promise<AdapterToLoad> {
  const { id, package: name, range, runtime } = named;
  if (runtime === 'remote') return { id: id ?? '', named, manifest: undefined, stored: undefined };
  try {
    const isOfStore = id !== undefined && range !== undefined;
    const stored = isOfStore ? await readInstalled({ id, package: name, range }, store) : undefined;
    const manifest = stored?.manifest ?? (await readManifest(name, folder));
    const own = id ?? manifest.id;
    return { id: own, named, manifest: { ...manifest, id: own }, stored };
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    // Without an id the package's own name is the best that an operator can recognise it by.
    return { id: id ?? error.id ?? idFromPackage(name), named, manifest: error, stored: undefined };
  }
}

function idFromPackage(packageName: string): string {
  return packageName.replace(/^@[^/]*\//, '').replace(/^(?:hms-sync-)?adapter-/, '');
}

/** Whoever writes an adapter that was added into the file has the file decide about it. */
function added(config: Sources, { lock }: AdapterStore): readonly ConfiguredAdapter[] {
  const inFile = new Set(config.adapters.flatMap(({ id, range }) => (range === undefined ? [] : [id])));
  return Iterator.from(lock)
    .filter(([id]) => !inFile.has(id))
    .flatMap(([id, { package: name, config: own, current }]) => {
      if (own === undefined) return [];
      return [{ ...addedAdapter({ package: name, config: own }, config), id, range: current.version, isAdded: true }];
    })
    .toArray();
}

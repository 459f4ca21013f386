import { type Manifest, ManifestError, readManifest } from './manifest.ts';

/** An adapter that the configuration names. */
export interface NamedAdapter {
  readonly package: string;
  /** Undefined: the id of its manifest. */
  readonly id: string | undefined;
  /** A remote one has no package here, and an id. */
  readonly runtime?: 'process' | 'inline' | 'remote';
}

/** A named adapter as it was found: its manifest, or why there is none. */
export interface FoundAdapter<Named extends NamedAdapter> {
  readonly id: string;
  readonly named: Named;
  /** Undefined: it runs elsewhere. */
  readonly manifest: Manifest | ManifestError | undefined;
}

/** Where the manifest of a named adapter is read from; looks from the folder. @throws {ManifestError} */
export type ReadManifest<Named extends NamedAdapter> = (named: Named, folder: string) => Promise<Manifest>;

/**
 * Reads the manifests of all adapters, in alphabetical order of their ids, without running their code. One that is
 * missing or wrong is found too, with the reason.
 *
 * @param folder where to look from
 * @param read by default from node_modules
 * @throws {ManifestError} TWIN when two have the same id
 */
export async function findAdapters<Named extends NamedAdapter>(
  named: readonly Named[],
  folder: string,
  read: ReadManifest<Named> = (adapter) => readManifest(adapter.package, folder),
): Promise<readonly FoundAdapter<Named>[]> {
  const found = await Promise.all(named.map((adapter) => findAdapter(adapter, folder, read)));
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

async function findAdapter<Named extends NamedAdapter>(
  named: Named,
  folder: string,
  read: ReadManifest<Named>,
): Promise<FoundAdapter<Named>> {
  if (named.runtime === 'remote') return { id: named.id ?? '', named, manifest: undefined };
  try {
    const manifest = await read(named, folder);
    const id = named.id ?? manifest.id;
    return { id, named, manifest: { ...manifest, id } };
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    // Without an id the package's own name is the best that an operator can recognise it by.
    return { id: named.id ?? error.id ?? idFromPackage(named.package), named, manifest: error };
  }
}

function idFromPackage(packageName: string): string {
  return packageName.replace(/^@[^/]*\//, '').replace(/^(?:hms-sync-)?adapter-/, '');
}

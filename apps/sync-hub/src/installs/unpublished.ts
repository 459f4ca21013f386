import { existsSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { findPackage } from '../runtimes/manifest.ts';

/** What of a package.json matters here. */
interface PackageJson {
  readonly name: string;
  readonly version: string;
  readonly files?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** A package as it lies on this machine. */
interface LocalPackage {
  readonly folder: string;
  readonly json: PackageJson;
}

export interface UnpublishedPackages {
  /** The folders to pack, with the name and the version of what is in them. */
  readonly packages: readonly { readonly folder: string; readonly name: string; readonly version: string }[];
  /** The names of linked packages that cannot be installed, because they are not built. */
  readonly unbuilt: readonly string[];
}

/**
 * Packages that no registry has: those of a checkout, which are linked into node_modules instead of installed; and all
 * that they and the adapter depend on, so that no registry is needed. Without a linked one among them there are none:
 * npm asks its registry, as usual.
 *
 * @param names what the adapter depends on
 * @param folders where that is looked for: from the adapter's own folder, if it has one, and from the hub
 */
export async function unpublishedPackages(
  names: readonly string[],
  folders: readonly string[],
): Promise<UnpublishedPackages> {
  const found = new Map<string, LocalPackage>();
  for (const folder of folders) await collect(folder, names, found);
  const all = [...found.values()];
  const linked = all.filter(({ folder }) => !folder.split(sep).includes('node_modules'));
  const unbuilt = linked.filter((one) => !isBuilt(one));
  const usable = linked.length === 0 ? [] : all.filter((one) => !unbuilt.includes(one));
  return {
    packages: usable.map(({ folder, json: { name, version } }) => ({ folder, name, version })),
    unbuilt: unbuilt.map(({ json }) => json.name),
  };
}

/** Adds packages as they are seen from a folder, and what they depend on. What is not on this machine is left to npm. */
async function collect(folder: string, names: readonly string[], found: Map<string, LocalPackage>): Promise<void> {
  for (const name of names) {
    const path = findPackage(name, folder);
    const dependency = path === undefined ? undefined : await read(path);
    if (dependency === undefined) continue;
    const key = `${name}@${dependency.json.version}`;
    if (found.has(key)) continue;
    found.set(key, dependency);
    await collect(dependency.folder, Object.keys(dependency.json.dependencies ?? {}), found);
  }
}

/** A checkout runs its packages from their sources; what is installed from it is what `npm run build` made of them. */
function isBuilt({ folder, json: { files = [] } }: LocalPackage): boolean {
  return !files.includes('dist') || existsSync(join(folder, 'dist'));
}

/** Undefined for what cannot be read: npm says what is wrong with it. */
async function read(path: string): Promise<LocalPackage | undefined> {
  try {
    return { folder: await realpath(dirname(path)), json: JSON.parse(await readFile(path, 'utf8')) };
  } catch {
    return undefined;
  }
}

import { realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { exports as resolveExports } from 'resolve.exports';
import { type Manifest, readPackageJson } from './manifest.ts';

/** A package.json, for what looks up its exports. */
export type PackageExports = Parameters<typeof resolveExports>[0] & { readonly main?: string };

/**
 * The file that an adapter's code begins with: the package export that its manifest names.
 *
 * @returns its absolute path, and how the package names it
 * @throws Error that says what is wrong with its exports, or that they name no file of the package
 */
export async function findEntryFile(manifest: Manifest): Promise<{ readonly path: string; readonly name: string }> {
  const packageJson = (await readPackageJson(join(manifest.folder, 'package.json'))) as PackageExports;
  const [name] = resolveExports(packageJson, manifest.entry, { conditions: await conditionsFor(manifest.folder) }) ?? [
    fileWithoutExports(packageJson, manifest),
  ];
  if (name === undefined) {
    throw new Error(`${manifest.package} exports no ${manifest.entry}, which its manifest names as entry`);
  }
  const path = await fileOfPackage(manifest.folder, name);
  if (path === undefined) {
    throw new Error(`${name}, which ${manifest.package} names as its entry, is not a file of the package`);
  }
  return { path, name };
}

/**
 * A regular file of a package, by its path in it. Undefined for what is not there, is something else, or leaves the
 * package, also by a link: nobody compared that with what was installed.
 */
export async function fileOfPackage(folder: string, name: string): Promise<string | undefined> {
  const path = join(folder, name);
  try {
    const [root, real] = await Promise.all([realpath(folder), realpath(path)]);
    return real.startsWith(`${root}${sep}`) && (await stat(real)).isFile() ? path : undefined;
  } catch {
    return undefined;
  }
}

/** By it the packages of a checkout are run from their sources. */
const SOURCES = '@hms-sync/source';

/**
 * The export conditions by which a package is read: those of this process. But what was published has no sources in it,
 * and Node strips no types below node_modules; a package of a checkout is only linked there.
 */
export async function conditionsFor(folder: string): Promise<readonly string[]> {
  const isInstalled = (await realpath(folder)).split(sep).includes('node_modules');
  return isInstalled ? hubConditions().filter((condition) => condition !== SOURCES) : hubConditions();
}

/** The export conditions that this process was started with: a checkout runs its packages from their sources. */
function hubConditions(): readonly string[] {
  return conditionsIn([...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)]);
}

/** The export conditions among Node's flags, `--conditions=x`, `--conditions x` or `-C x`. */
export function conditionsIn(flags: readonly string[]): readonly string[] {
  return flags.flatMap((flag, index) => {
    if (flag === '--conditions' || flag === '-C') return flags[index + 1] ?? [];
    return flag.startsWith('--conditions=') ? flag.slice('--conditions='.length) : [];
  });
}

/** Without `exports` a subpath is a file of the package, and "." is its `main`. */
function fileWithoutExports(packageJson: PackageExports, { entry }: Manifest): string {
  return entry === '.' ? (packageJson.main ?? 'index.js') : entry;
}

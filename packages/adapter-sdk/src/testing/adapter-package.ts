import { access, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { exports as resolveExports } from 'resolve.exports';
import { type DefinedAdapter, isAdapterDefinition } from '../definition.ts';
import { importFailure } from '../import-failure.ts';
import { CheckFailure } from './check-failure.ts';

/** A package on disk; its package.json is not validated. */
export interface AdapterPackage {
  readonly folder: string;
  readonly packageJson: Readonly<Record<string, unknown>>;
  /** `hmsSync` of package.json; empty when there is none. */
  readonly manifest: Readonly<Record<string, unknown>>;
}

/**
 * Finds the package of a file or folder.
 *
 * @param place a folder, or the URL of a file: `import.meta.url`.
 * @throws Error when there is no package.json in the folder or above, or it is not JSON.
 */
export async function findPackage(place: string): Promise<AdapterPackage> {
  const start = place.startsWith('file:') ? dirname(fileURLToPath(place)) : place;
  for (let folder = start; ; folder = dirname(folder)) {
    const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => undefined);
    if (text !== undefined) {
      const packageJson = record(JSON.parse(text));
      return { folder, packageJson, manifest: record(packageJson.hmsSync) };
    }
    if (dirname(folder) === folder) throw new Error(`there is no package.json in ${start} or above`);
  }
}

/** The path of its entry file, relative to its folder. @throws Error when the package has none, or the file is missing. */
export async function builtEntry(found: AdapterPackage): Promise<string> {
  const file = entryFile(found);
  const exists = await access(join(found.folder, file)).then(
    () => true,
    () => false,
  );
  if (exists) return file;
  const what = `${file}, the file of hmsSync.entry, does not exist`;
  throw new CheckFailure(what, { todo: 'build the package, or correct entry or exports' });
}

/** Imports the adapter's entry file. @throws Error with the reason, and the place where its code threw. */
export async function importDefinition(found: AdapterPackage): Promise<DefinedAdapter> {
  const file = await builtEntry(found);
  const module: unknown = await import(pathToFileURL(join(found.folder, file)).href).catch((cause: unknown) => {
    throw new Error(`${file} cannot be imported: ${importFailure(cause)}`, { cause });
  });
  const definition = record(module).default;
  if (isAdapterDefinition(definition)) return definition;
  throw new Error(`the default export of ${file} is not made by defineAdapter`);
}

/** The value if it is an object, else an empty one. */
export function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/**
 * The file of the export that the manifest names as entry, relative to the package. Like a hub, it uses the conditions
 * `node`, `import`, `default` and those that this process was started with.
 *
 * @throws Error when the package has no such export.
 */
export function entryFile({ packageJson, manifest }: AdapterPackage): string {
  const entry = typeof manifest.entry === 'string' ? manifest.entry : '.';
  if (packageJson.exports === undefined) {
    if (entry !== '.') return entry;
    return typeof packageJson.main === 'string' ? packageJson.main : './index.js';
  }
  try {
    const [file] = resolveExports(packageJson, entry, { conditions: ownConditions() }) ?? [];
    if (file !== undefined) return file;
  } catch {
    // The error below also names the manifest.
  }
  throw new Error(`package.json has no export ${entry}, which hmsSync.entry names`);
}

function ownConditions(): readonly string[] {
  const flags = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)];
  return flags.flatMap((flag, index) => {
    if (flag === '--conditions' || flag === '-C') return flags[index + 1] ?? [];
    return flag.startsWith('--conditions=') ? flag.slice('--conditions='.length) : [];
  });
}

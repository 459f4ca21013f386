import { access, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type DefinedAdapter, isAdapterDefinition } from '../definition.ts';
import { importFailure } from '../import-failure.ts';
import { CheckFailure } from './check-failure.ts';

/** A package on disk: its package.json as it stands, which may be wrong. */
export interface AdapterPackage {
  readonly folder: string;
  readonly packageJson: Readonly<Record<string, unknown>>;
  /** The part of package.json that says what adapter this is; empty when there is none. */
  readonly manifest: Readonly<Record<string, unknown>>;
}

/**
 * Finds the package that a file belongs to, or that lies in a folder.
 *
 * @param place a folder, or the URL of a file: `import.meta.url`.
 * @throws Error when there is no package.json there or above, or it is not JSON.
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

/** The file of its code, below its folder. @throws Error when the package exports none, or it is not there. */
export async function builtEntry(found: AdapterPackage): Promise<string> {
  const file = entryFile(found);
  const exists = await access(join(found.folder, file)).then(
    () => true,
    () => false,
  );
  if (exists) return file;
  const what = `${file}, which hmsSync.entry leads to, does not exist`;
  throw new CheckFailure(what, { todo: 'build the package, or correct entry or exports' });
}

/** Runs the adapter's code: imports what its manifest names. @throws Error that says why, and where its code threw. */
export async function importDefinition(found: AdapterPackage): Promise<DefinedAdapter> {
  const file = await builtEntry(found);
  const module: unknown = await import(pathToFileURL(join(found.folder, file)).href).catch((cause: unknown) => {
    throw new Error(`${file} cannot be imported: ${importFailure(cause)}`, { cause });
  });
  const definition = record(module).default;
  if (isAdapterDefinition(definition)) return definition;
  throw new Error(`the default export of ${file} is not made by defineAdapter`);
}

/** A value's members; none when it has none. */
export function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/**
 * The file of the export that a manifest names as entry, relative to the package: as a hub finds it, by the conditions
 * `node`, `import`, `default` and those that this process was started with.
 *
 * @throws Error when the package exports no such thing.
 */
export function entryFile({ packageJson, manifest }: AdapterPackage): string {
  const entry = typeof manifest.entry === 'string' ? manifest.entry : '.';
  const { exports } = packageJson;
  if (exports === undefined) {
    if (entry !== '.') return entry;
    return typeof packageJson.main === 'string' ? packageJson.main : './index.js';
  }
  const subpaths = isConditions(exports) ? { '.': exports } : exports;
  const chosen = choose(
    Reflect.get(Object(subpaths), entry),
    new Set(['node', 'import', 'default', ...ownConditions()]),
  );
  if (chosen === undefined) throw new Error(`package.json exports no ${entry}, which hmsSync.entry names`);
  return chosen;
}

/** A target, or conditions on one; else it maps subpaths, which all begin with a dot. */
function isConditions(exports: unknown): boolean {
  return typeof exports !== 'object' || exports === null || !Object.keys(exports).some((name) => name.startsWith('.'));
}

function choose(target: unknown, conditions: ReadonlySet<string>): string | undefined {
  if (typeof target === 'string') return target;
  if (Array.isArray(target)) return target.map((one) => choose(one, conditions)).find((file) => file !== undefined);
  if (typeof target !== 'object' || target === null) return undefined;
  for (const [condition, inner] of Object.entries(target)) {
    const chosen = conditions.has(condition) ? choose(inner, conditions) : undefined;
    if (chosen !== undefined) return chosen;
  }
  return undefined;
}

function ownConditions(): readonly string[] {
  const flags = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)];
  return flags.flatMap((flag, index) => {
    if (flag === '--conditions' || flag === '-C') return flags[index + 1] ?? [];
    return flag.startsWith('--conditions=') ? flag.slice('--conditions='.length) : [];
  });
}

import type { Stats } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import npa from 'npm-package-arg';
import { InstallError } from './install-error.ts';

/** Where a package is to come from. */
export type PackageSpec =
  /** By the registry that the operator's npm is configured for. `range`: a version, a range or a tag. */
  | { readonly kind: 'registry'; readonly package: string; readonly range: string }
  /** Files as `npm pack` makes them. */
  | { readonly kind: 'tarball'; readonly path: string }
  /** A package's folder, which is packed first. */
  | { readonly kind: 'folder'; readonly path: string };

/** npm packs none of it, and one of a checkout holds a hundred thousand files. */
const NOT_PACKED = new Set(['node_modules', '.git']);
/** A folder with more in it is not the folder of one package. */
const ENTRIES_MAX = 20_000;

/**
 * Reads `<package>@<version, range or tag>`, or the path of a tarball or a folder. Whether there is such a package is
 * for npm to find out.
 *
 * @throws {InstallError} SPEC_INVALID
 */
export async function parsePackageSpec(text: string): Promise<PackageSpec> {
  if (isAbsolute(text)) return localSpec(text);
  if (/^\.{1,2}(\/|$)|^~\//.test(text)) throw invalid(text, 'is a relative path: the hub accepts absolute ones');
  const named = parsePackageName(text);
  if (named === undefined) {
    throw invalid(
      text,
      'names no package; write <package>@<version or range>, or the absolute path of a .tgz or a folder',
    );
  }
  const { package: name, range = 'latest' } = named;
  if (range === '') throw invalid(text, `has no version, range or tag after "${name}@"`);
  return { kind: 'registry', package: name, range };
}

/**
 * `@clinic/adapter-lab@^1.2.0` as its two parts, as npm reads it. `range` is undefined when there is none, and empty when
 * it was left out behind the @.
 *
 * @returns undefined for what npm takes for something else than a package of its registry: an address, a repository, a
 *   path, an alias, or a name that none can have
 */
export function parsePackageName(
  text: string,
): { readonly package: string; readonly range: string | undefined } | undefined {
  try {
    const { name, type, rawSpec } = npa(text);
    if (!name || !['version', 'range', 'tag'].includes(type)) return undefined;
    if (text === name) return { package: name, range: undefined };
    // npm takes "lab@" for any version; whoever wrote it meant one, such as that of a variable that is empty.
    return { package: name, range: text === `${name}@` ? '' : rawSpec.trim() };
  } catch {
    return undefined;
  }
}

/** Whether npm takes a text for the name of a package and nothing else. */
export function isPackageName(text: string): boolean {
  return parsePackageName(text)?.package === text;
}

async function localSpec(path: string): Promise<PackageSpec> {
  const kind = await kindOfPath(path);
  if (kind === undefined) throw invalid(path, "is not there, or may not be read by the hub's user");
  if (kind === 'other') throw invalid(path, 'is neither a regular file nor a folder');
  if (kind === 'file') return { kind: 'tarball', path };
  const fault = await faultOfFolder(path).catch(({ code }: NodeJS.ErrnoException) => `cannot be read (${code})`);
  if (fault !== undefined) throw invalid(path, fault);
  return { kind: 'folder', path };
}

/** What a path of the hub's machine is. Undefined: nothing, or nothing that may be read. */
async function kindOfPath(path: string): Promise<'file' | 'folder' | 'other' | undefined> {
  return kindOf(await stat(path).catch(() => undefined));
}

/**
 * Why a folder is not a package that npm can pack; undefined when it is. npm opens what it finds there: a pipe would be
 * waited for.
 */
async function faultOfFolder(folder: string): Promise<string | undefined> {
  const folders = [folder];
  let count = 0;
  for (const path of folders) {
    const entries = await readdir(path, { withFileTypes: true });
    count += entries.length;
    if (count > ENTRIES_MAX) return `has more than ${ENTRIES_MAX} files; name the folder of one package`;
    for (const entry of entries.filter(({ name }) => !NOT_PACKED.has(name))) {
      const full = join(path, entry.name);
      // A link is followed, as npm does, and one to nothing or to a folder is left alone.
      const kind = entry.isSymbolicLink() ? kindOf(await stat(full).catch(() => undefined)) : kindOf(entry);
      if (kind === 'other')
        return `has something in it that is not a file: ${relative(folder, full)} is not a regular file`;
      if (entry.isDirectory()) folders.push(full);
    }
  }
  const packageJson = await lstat(join(folder, 'package.json')).catch(() => undefined);
  if (packageJson === undefined) return 'has no package.json: it is not the folder of a package';
  return packageJson.isDirectory() ? 'is not the folder of a package: package.json is not a regular file' : undefined;
}

function kindOf(found: Pick<Stats, 'isFile' | 'isDirectory'> | undefined) {
  if (found === undefined) return undefined;
  if (found.isDirectory()) return 'folder';
  return found.isFile() ? 'file' : 'other';
}

function invalid(text: string, what: string): InstallError {
  return new InstallError('SPEC_INVALID', `"${text.slice(0, 256)}" ${what}`);
}

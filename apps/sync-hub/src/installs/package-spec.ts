import { isAbsolute } from 'node:path';
import npa from 'npm-package-arg';
import { InstallError } from './install-error.ts';
import { faultOfFolder, kindOfPath } from './local-package.ts';

/** Where a package is to come from. */
export type PackageSpec =
  /** By the registry that the operator's npm is configured for. `range`: a version, a range or a tag. */
  | { readonly kind: 'registry'; readonly package: string; readonly range: string }
  /** Files as `npm pack` makes them. */
  | { readonly kind: 'tarball'; readonly path: string }
  /** A package's folder, which is packed first. */
  | { readonly kind: 'folder'; readonly path: string };

/**
 * Reads `<package>@<version, range or tag>`, or the path of a tarball or a folder. Whether there is such a package is
 * for npm to find out.
 *
 * @throws {InstallError} SPEC_INVALID
 */
export async function parsePackageSpec(text: string): Promise<PackageSpec> {
  if (isAbsolute(text)) return localSpec(text);
  if (/^\.{1,2}(\/|$)|^~\//.test(text)) throw invalid(text, 'is a relative path: the hub takes absolute ones');
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

function invalid(text: string, what: string): InstallError {
  return new InstallError('SPEC_INVALID', `"${text.slice(0, 256)}" ${what}`);
}

import { isAbsolute } from 'node:path';
import { InstallError } from './install-error.ts';
import { faultOfFolder, kindOfPath } from './local-package.ts';
import { isPackageName, splitPackageName } from './package-name.ts';

/** Where a package is to come from. */
export type PackageSpec =
  /** By the registry that the operator's npm is configured for. `range`: a version, a range or a tag. */
  | { readonly kind: 'registry'; readonly package: string; readonly range: string }
  /** Files as `npm pack` makes them. */
  | { readonly kind: 'tarball'; readonly path: string }
  /** A package's folder, which is packed first. */
  | { readonly kind: 'folder'; readonly path: string };

/** What a version, a range or a tag is made of. Neither begins with a dash, which npm would take for a flag. */
const RANGE = /^(?!-)[\w.*^~<>=| +-]{1,128}$/;

/**
 * Reads `<package>@<version, range or tag>`, or the path of a tarball or a folder. Whether there is such a package is
 * for npm to find out.
 *
 * @throws {InstallError} SPEC_INVALID
 */
export async function parsePackageSpec(text: string): Promise<PackageSpec> {
  if (isAbsolute(text)) return localSpec(text);
  if (/^\.{1,2}(\/|$)|^~\//.test(text)) throw invalid(text, 'is a relative path: the hub takes absolute ones');
  const { package: name, range } = splitPackageName(text);
  if (!isPackageName(name)) {
    throw invalid(
      text,
      'names no package; write <package>@<version or range>, or the absolute path of a .tgz or a folder',
    );
  }
  if (range === undefined) return { kind: 'registry', package: name, range: 'latest' };
  if (!RANGE.test(range)) throw invalid(text, `has no version, range or tag after "${name}@"`);
  return { kind: 'registry', package: name, range };
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

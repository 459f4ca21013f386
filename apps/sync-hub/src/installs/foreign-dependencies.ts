import npa from 'npm-package-arg';
import { InstallError } from './install-error.ts';

/** What a package.json, or the entry of one in a lockfile, says of what it depends on. */
export interface Dependent {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** What matters here of a package-lock.json. */
export interface Lockfile {
  readonly packages?: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage extends Dependent {
  /** Where it came from; absent for what was bundled. */
  readonly resolved?: string;
  /** It says itself where its dependencies come from, whatever their ranges are. */
  readonly hasShrinkwrap?: boolean;
}

/** Packages that the hub itself puts there, of a checkout on its machine. */
export interface LocalPackages {
  readonly names: readonly string[];
  /** Whether a file, as a lockfile names it, is one of them or the adapter itself. */
  isLocal(file: string): boolean;
}

/**
 * What an adapter depends on comes from the registry alone: an operator who lets a package in by its name cannot see an
 * address, a repository or a file further down.
 *
 * @param who in words
 * @param local names of dependencies that come from this machine, whatever file the package names
 * @throws {InstallError} NOT_ALLOWED
 */
export function assertOfRegistry(who: string, dependent: Dependent, local: readonly string[]): void {
  for (const [name, source] of foreignDependencies(dependent)) {
    if (source !== 'a file' || !local.includes(name)) throw foreign(who, `depends on ${name} by ${source}`);
  }
}

/** The same of all that npm installed, and of where it came from. @throws {InstallError} NOT_ALLOWED */
export function assertLockOfRegistry({ packages = {} }: Lockfile, { names, isLocal }: LocalPackages): void {
  for (const [path, locked] of Object.entries(packages)) {
    if (path === '') continue;
    const who = path.replace(/^.*node_modules\//, '');
    assertOfRegistry(who, locked, names);
    const { resolved = 'https:', hasShrinkwrap = false } = locked;
    if (hasShrinkwrap) throw foreign(who, 'has a npm-shrinkwrap.json, which may name any source');
    const isKnown = /^https?:/.test(resolved) || (resolved.startsWith('file:') && isLocal(resolved.slice(5)));
    if (!isKnown) throw foreign(who, 'comes from a file or a repository');
  }
}

/** The dependencies of a package that the registry has no part in, and in words what they come from. */
function foreignDependencies(dependent: Dependent): ReadonlyMap<string, string> {
  const { dependencies, optionalDependencies, peerDependencies } = dependent;
  const all = { ...peerDependencies, ...optionalDependencies, ...dependencies };
  const sources = Object.entries(all).map(([name, spec]) => [name, sourceOf(name, spec)] as const);
  return new Map(sources.flatMap(([name, source]) => (source === undefined ? [] : [[name, source]])));
}

function sourceOf(name: string, spec: string): string | undefined {
  try {
    const { registry, type } = npa.resolve(name, spec);
    if (registry) return undefined;
    return type === 'git' ? 'git' : type === 'remote' ? 'an address' : 'a file';
  } catch {
    return 'what npm does not know';
  }
}

function foreign(who: string, what: string): InstallError {
  const rule = 'dependencies come from the npm registry alone: publish it there';
  return new InstallError('NOT_ALLOWED', `${who.slice(0, 256)} ${what.slice(0, 256)}, and ${rule}`);
}

import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { valid as validVersion } from 'semver';
import { replaceFile, syncPath } from '../files/replace-file.ts';
import type { Manifest } from '../runtimes/manifest.ts';
import { AdaptersLock, type LockedAdapter, type LockedVersion } from './adapters-lock.ts';
import { digestOfFile, digestOfList, firstDifference, listFiles, syncFiles, UnreadableError } from './file-list.ts';
import { InstallError, upgradeLine } from './install-error.ts';
import type { NpmOptions } from './npm.ts';
import { installPackage, originOf, readPackage, TARBALL } from './package-files.ts';
import { type PackageSpec, parsePackageSpec } from './package-spec.ts';

/** A version that lies in the store, and what the lock is to say of it. */
export interface StoredVersion {
  readonly manifest: Manifest;
  readonly locked: LockedVersion;
}

/** What loads for an adapter. */
export interface LoadableVersion extends StoredVersion {
  /** It is not the one that the lock names as current, and why; absent when it is. */
  readonly insteadOf?: { readonly version: string; readonly from: string; readonly why: string };
}

export interface InstallOptions {
  /** The adapter's id; absent: as its manifest says. */
  readonly id?: string | undefined;
  /** Throws when the package may not be installed as the id of the manifest; called before anything is put in its place. */
  readonly claim?: (manifest: Manifest) => void;
  /** Of the tarball, as somebody has seen it before; absent: whatever comes. */
  readonly integrity?: string | undefined;
}

interface FetchedPackage {
  readonly spec: PackageSpec;
  readonly manifest: Manifest;
  /** Of the tarball's bytes, as npm writes it. */
  readonly integrity: string;
}

/** A package as it would be installed. */
export interface ReviewedPackage extends Omit<FetchedPackage, 'spec'> {
  /** Its path, or the address of its tarball. */
  readonly origin: string;
}

/** Folders that begin so are being made, or were when the hub ended. No id does. */
const UNFINISHED = '.new-';
const LOCK = 'adapters.lock';

/**
 * `<data>/adapters/`: each version of each adapter in a folder of its own, with its dependencies. A version counts only
 * when `adapters.lock` names it, and loads only when every file of it is as it was installed.
 *
 * ```
 * adapters.lock               what loads
 * lab/1.0.0/                  package.json, package-lock.json, adapter.tgz, node_modules/
 * lab/1.0.0.files             the sha512 of each of these; the lock has the sha512 of this list
 * ```
 */
export class AdapterStore {
  readonly lock: AdaptersLock;
  readonly #folder: string;
  readonly #npm: NpmOptions | undefined;

  private constructor(folder: string, lock: AdaptersLock, npm: NpmOptions | undefined) {
    this.#folder = folder;
    this.lock = lock;
    this.#npm = npm;
  }

  /**
   * Reads the lock, and writes nothing: another hub may be at work in the folder.
   *
   * @param folder `<data>/adapters`; it need not be there yet
   * @throws {InstallError} LOCK_FAILED
   */
  static async open(folder: string, npm?: NpmOptions): Promise<AdapterStore> {
    return new AdapterStore(folder, await AdaptersLock.read(join(folder, LOCK)), npm);
  }

  /** Removes what an earlier hub did not finish. For the hub alone that has the journal beside it. */
  async tidy(): Promise<void> {
    const names = await readdir(this.#folder).catch(() => []);
    const left = names.filter((name) => name.startsWith(UNFINISHED));
    await Promise.all(left.map((name) => rm(join(this.#folder, name), { recursive: true, force: true })));
  }

  /**
   * Installs a version beside those that are there. The lock does not name it yet.
   *
   * @param text `<package>@<range>`, or the absolute path of a tarball or a folder
   * @throws {InstallError}
   */
  async install(text: string, options: InstallOptions = {}): Promise<StoredVersion> {
    return this.#fetch(text, options, async (fresh, { manifest, integrity }) => {
      const { id: adapter, package: name, version } = manifest;
      const known = this.lock.get(adapter)?.package === name ? this.#known(adapter, version) : undefined;
      // The same bytes again: what is there may be running.
      if (known !== undefined && (await this.#fault(adapter, known)) === undefined) return this.#stored(adapter, known);
      const files = await listFiles(fresh);
      const tree = digestOfList(files);
      await syncFiles(fresh);
      await this.#putInPlace(fresh, { adapter, version, files });
      return this.#stored(adapter, { version, integrity, tree, from: text, installedAt: new Date().toISOString() });
    });
  }

  /** What {@link install} would install. Nothing of it stays. @throws {InstallError} as it would */
  async review(text: string, options: InstallOptions = {}): Promise<ReviewedPackage> {
    return this.#fetch(text, options, async (folder, { spec, manifest, integrity }) => {
      const { version } = manifest;
      return { manifest, integrity, origin: await originOf(spec, { version, folder, npm: this.#npm }) };
    });
  }

  /**
   * What loads for an adapter that the lock names: its current version, or the one before when the current one is not as
   * it was installed.
   *
   * @throws {InstallError} CHANGED when neither is
   */
  async load(id: string, { current, previous }: LockedAdapter): Promise<LoadableVersion> {
    const why = await this.#fault(id, current);
    if (why === undefined) return this.#stored(id, current);
    if (previous !== undefined && (await this.#fault(id, previous)) === undefined) {
      return {
        ...(await this.#stored(id, previous)),
        insteadOf: { version: current.version, from: current.from, why },
      };
    }
    throw changed(id, current, why);
  }

  /** One version as the lock names it. @throws {InstallError} CHANGED */
  async loadVersion(id: string, locked: LockedVersion): Promise<StoredVersion> {
    const why = await this.#fault(id, locked);
    if (why !== undefined) throw changed(id, locked, why);
    return this.#stored(id, locked);
  }

  /** Why a version is not as it was installed; undefined when it is. For before each start of it. */
  async fault(id: string, locked: LockedVersion): Promise<string | undefined> {
    const why = await this.#fault(id, locked);
    return why === undefined ? undefined : changed(id, locked, why).message;
  }

  /** Removes the versions of an adapter that the lock does not name. */
  async prune(id: string): Promise<void> {
    const { current, previous } = this.lock.get(id) ?? {};
    const kept = [current, previous].flatMap((locked) => (locked === undefined ? [] : [locked.version]));
    const folder = join(this.#folder, id);
    const names = await readdir(folder).catch(() => []);
    const left = names.filter((name) => !kept.includes(name) && !kept.includes(name.replace(/\.files$/, '')));
    await Promise.all(left.map((name) => rm(join(folder, name), { recursive: true, force: true })));
    if (kept.length === 0) await rm(folder, { recursive: true, force: true });
  }

  /** Changes whenever what loads does; empty when nothing was ever installed. For whoever copies it while the hub runs. */
  async state(): Promise<string> {
    return readFile(join(this.#folder, LOCK), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
  }

  /**
   * Copies the lock and every version that it names to a folder that does not exist yet. The copy is whole when
   * {@link state} was the same before and after.
   */
  async copyTo(target: string): Promise<void> {
    // What is being made lies beside the versions, and so does the next lock.
    const isInstalled = (path: string) => dirname(path) !== this.#folder || !/^\.new-|\.new$/.test(basename(path));
    await cp(this.#folder, target, { recursive: true, verbatimSymlinks: true, filter: isInstalled });
    await syncFiles(target);
  }

  /** Installs a package in a folder of its own, which is gone afterwards unless it was put in place. */
  async #fetch<Result>(
    text: string,
    { id, claim, integrity: seen }: InstallOptions,
    use: (fresh: string, fetched: FetchedPackage) => Promise<Result>,
  ): Promise<Result> {
    const spec = await parsePackageSpec(text);
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const fresh = await mkdtemp(join(this.#folder, UNFINISHED));
    try {
      const own = await installPackage(spec, fresh, this.#npm);
      const { package: name, version } = own;
      if (validVersion(version) === null)
        throw new InstallError('NOT_AN_ADAPTER', `${name} has no version that npm knows`);
      const manifest = { ...own, id: id ?? own.id };
      claim?.(manifest);
      const integrity = await digestOfFile(join(fresh, TARBALL));
      if (seen !== undefined && seen !== integrity) {
        throw new InstallError('CHANGED', `${name}@${version} is not what was shown before; look at it again`);
      }
      const known = this.lock.get(manifest.id)?.package === name ? this.#known(manifest.id, version) : undefined;
      if (known !== undefined && known.integrity !== integrity) {
        throw new InstallError(
          'TAKEN',
          `${name}@${version} is installed as "${manifest.id}" with other bytes; publish what was changed as a new version`,
        );
      }
      return await use(fresh, { spec, manifest, integrity });
    } finally {
      await rm(fresh, { recursive: true, force: true });
    }
  }

  #known(id: string, version: string): LockedVersion | undefined {
    const { current, previous } = this.lock.get(id) ?? {};
    return [current, previous].find((locked) => locked?.version === version);
  }

  /** The folder comes first: a list without one names nothing. */
  async #putInPlace(
    fresh: string,
    { adapter, version, files }: { adapter: string; version: string; files: string },
  ): Promise<void> {
    const place = this.#place(adapter, version);
    await mkdir(join(this.#folder, adapter), { recursive: true, mode: 0o700 });
    await rm(place, { recursive: true, force: true });
    await rename(fresh, place);
    await replaceFile(`${place}.files`, files);
    await syncPath(this.#folder);
  }

  async #fault(id: string, { version, integrity, tree }: LockedVersion): Promise<string | undefined> {
    const place = this.#place(id, version);
    try {
      const installed = await readFile(`${place}.files`, 'utf8');
      if (digestOfList(installed) !== tree) return `${place}.files was changed`;
      const difference = firstDifference(installed, await listFiles(place));
      if (difference !== undefined) return `${place}/${difference}`;
      // The lock itself may be the one that was changed.
      return (await digestOfFile(join(place, TARBALL))) === integrity
        ? undefined
        : `${place}/${TARBALL} is another one`;
    } catch (error) {
      if (error instanceof UnreadableError) return error.message;
      const { code, path = place } = error as NodeJS.ErrnoException;
      if (code === undefined) throw error;
      return `${path} cannot be read (${code})`;
    }
  }

  async #stored(id: string, locked: LockedVersion): Promise<StoredVersion> {
    const manifest = await readPackage(this.#place(id, locked.version));
    return { manifest: { ...manifest, id }, locked };
  }

  #place(id: string, version: string): string {
    return join(this.#folder, id, version);
  }
}

function changed(id: string, { version, from }: LockedVersion, why: string): InstallError {
  return new InstallError(
    'CHANGED',
    `${id} ${version} is not as it was installed: ${why}; install it again: ${upgradeLine(id, { from, version })} (it came from ${from})`,
  );
}

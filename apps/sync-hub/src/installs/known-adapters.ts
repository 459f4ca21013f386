import { satisfies } from 'semver';
import type { Lane } from '../lanes/lane.ts';
import { type Manifest, ManifestError } from '../runtimes/manifest.ts';
import type { AdapterHouse } from './adapter-house.ts';
import type { LockedAdapter, LockedVersion } from './adapters-lock.ts';
import { commandLine } from './command-line.ts';
import { InstallError } from './install-error.ts';
import { parsePackageName } from './package-spec.ts';

/** What the hub knows of its adapters, from the configuration file and the lock, and what it allows to do with them. */
export class KnownAdapters<Settings> {
  readonly #house: AdapterHouse<Settings>;

  constructor(house: AdapterHouse<Settings>) {
    this.#house = house;
  }

  /** @throws {InstallError} NO_SUCH_ADAPTER */
  lane(id: string): Lane {
    const lane = this.#house.lanes.get(id);
    if (lane === undefined) throw new InstallError('NO_SUCH_ADAPTER', `the hub has no adapter "${id}"`);
    return lane;
  }

  /** An adapter whose version the hub can replace. @throws {InstallError} */
  installed(id: string): { readonly lane: Lane; readonly entry: LockedAdapter } {
    const lane = this.lane(id);
    const named = this.#house.named.get(id);
    if (!this.#isOfStore(id)) {
      const { version } = lane.adapter;
      throw new InstallError('NOT_NOW', `${id} ${howToReplace({ id, package: named?.package ?? '', version })}`);
    }
    const entry = this.#house.store.lock.get(id);
    if (entry !== undefined) return { lane, entry };
    throw new InstallError(
      'NOT_NOW',
      `${id} is not installed yet: ${commandLine('adapter', 'add', `${named?.package}@${named?.range}`, '--id', id)}`,
    );
  }

  /** The settings of an adapter, with its secrets as they are now. */
  settings(id: string): Settings {
    const named = this.#house.named.get(id);
    if (named !== undefined) return this.#house.readAgain(named.settings);
    const { package: name = '', config = {} } = this.#house.store.lock.get(id) ?? {};
    return this.#house.settingsOf(name, config);
  }

  /**
   * The manifest of an adapter that is not of the store, as it is now; undefined for one that runs elsewhere.
   *
   * @returns absent: it is of the store
   * @throws {InstallError} DOES_NOT_RUN
   */
  async manifestOutside(id: string): Promise<{ readonly manifest: Manifest | undefined } | undefined> {
    if (this.#isOfStore(id)) return undefined;
    const name = this.#house.named.get(id)?.package ?? '';
    if (name === '') return { manifest: undefined };
    try {
      return { manifest: { ...(await this.#house.readManifest(name)), id } };
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error;
      throw new InstallError('DOES_NOT_RUN', error.message, { cause: error });
    }
  }

  /** An id that nothing has, or that the configuration file keeps for a version that is still to be installed. */
  assertFree(id: string, wanted: string): void {
    const lane = this.#house.lanes.get(id);
    const isAwaited =
      this.#house.named.get(id)?.range !== undefined && lane?.versions.current.standing?.kind !== 'ready';
    if (lane === undefined || isAwaited) return;
    const { package: name, version } = lane.adapter;
    const upgrade = commandLine('adapter', 'upgrade', id, versionIn(wanted));
    throw new InstallError(
      'TAKEN',
      `there is an adapter "${id}" (${name} ${version}): ${this.#isOfStore(id) ? `to upgrade it, ${upgrade}; ` : ''}to add this one beside it, give it another name: --id ${id}-2`,
    );
  }

  /** @throws {InstallError} NOT_NOW when the configuration file allows other versions alone */
  assertInRange(id: string, version: string): void {
    const range = this.#house.named.get(id)?.range;
    if (range === undefined || satisfies(version, range)) return;
    throw new InstallError(
      'NOT_NOW',
      `hms-sync.yaml allows ${range} of ${id}, and not ${version}: change it there first`,
    );
  }

  /** Whether the configuration file gives an id to a package, whatever had it before. */
  isNamedFor(id: string, packageName: string): boolean {
    return this.#house.named.get(id)?.package === packageName;
  }

  #isOfStore(id: string): boolean {
    const named = this.#house.named.get(id);
    return named === undefined || named.range !== undefined;
  }
}

/** For an adapter that the hub has not installed itself. */
function howToReplace({ id, package: name, version }: { id: string; package: string; version: string }): string {
  if (name === '') return 'runs elsewhere, and so is replaced there';
  const there = `comes from node_modules beside the hub's configuration: replace it there, then ${commandLine('adapter', 'restart', id)}`;
  if (version === '') return there;
  const spec = `${name}@^${version}`;
  return `${there}; or let the hub install it: write package: "${spec}" and id: ${id} in hms-sync.yaml, restart the hub, then ${commandLine('adapter', 'add', spec, '--id', id)}`;
}

/** What an upgrade names of what was to be added: a path, or a version, range or tag. */
function versionIn(wanted: string): string {
  return wanted.startsWith('/') ? wanted : (parsePackageName(wanted)?.range ?? 'latest');
}

/** What came from a file has no versions at the registry. */
export function whereItCameFrom(error: unknown, id: string, { from }: LockedVersion): unknown {
  if (!(error instanceof InstallError && error.code === 'NOT_FOUND' && from.startsWith('/'))) return error;
  const message = `${error.message}; it was installed from a path, and is replaced so: ${commandLine('adapter', 'upgrade', id, from)}`;
  return new InstallError('NOT_FOUND', message, { cause: error });
}

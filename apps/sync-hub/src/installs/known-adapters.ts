import { satisfies } from 'semver';
import type { Lane } from '../lanes/lane.ts';
import { type Manifest, ManifestError, readManifest, whyNotGranted } from '../runtimes/manifest.ts';
import type { LockedAdapter } from './adapters-lock.ts';
import { commandLine, InstallError, REASON } from './install-error.ts';
import type { LifecycleDeps } from './lifecycle-deps.ts';
import { parsePackageName } from './package-spec.ts';

type KnownDeps = Pick<LifecycleDeps, 'store' | 'lanes' | 'named' | 'folder' | 'limits'>;

/** The hub's adapters, from the configuration file and the lock, and what may be done with them. */
export class KnownAdapters {
  readonly #deps: KnownDeps;

  constructor(deps: KnownDeps) {
    this.#deps = deps;
  }

  /** @throws {InstallError} NO_SUCH_ADAPTER */
  lane(id: string): Lane {
    const lane = this.#deps.lanes.get(id);
    if (lane === undefined) throw new InstallError('NO_SUCH_ADAPTER', `the hub has no adapter "${id}"`);
    return lane;
  }

  /** An adapter whose version the hub can replace. @throws {InstallError} */
  installed(id: string): { readonly lane: Lane; readonly entry: LockedAdapter } {
    const lane = this.lane(id);
    const { package: name = '', range } = this.#deps.named.get(id) ?? {};
    if (!this.isOfStore(id)) {
      throw new InstallError('NOT_NOW', `${id} ${howToReplace({ id, package: name, version: lane.adapter.version })}`);
    }
    const entry = this.#deps.store.lock.get(id);
    if (entry !== undefined) return { lane, entry };
    throw new InstallError(
      'NOT_NOW',
      `${id} is not installed yet: ${commandLine('adapter', 'add', `${name}@${range}`, '--id', id)}`,
    );
  }

  /** Whether the hub installs an adapter itself. */
  isOfStore(id: string): boolean {
    const named = this.#deps.named.get(id);
    return named === undefined || named.range !== undefined;
  }

  /**
   * The manifest of an adapter that is not of the store, as it is now; undefined for one that runs elsewhere.
   *
   * @throws {InstallError} DOES_NOT_RUN
   */
  async manifestOutside(id: string): Promise<Manifest | undefined> {
    const name = this.#deps.named.get(id)?.package ?? '';
    if (name === '') return undefined;
    try {
      return { ...(await readManifest(name, this.#deps.folder)), id };
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error;
      throw new InstallError('DOES_NOT_RUN', error.message, { cause: error });
    }
  }

  /**
   * Only an id that nothing has, or that the configuration file keeps for a version that is still to be installed.
   *
   * @param wanted what is to be added
   * @throws {InstallError} TAKEN
   */
  assertFree(id: string, wanted: string): void {
    const lane = this.#deps.lanes.get(id);
    const isAwaited = this.#deps.named.get(id)?.range !== undefined && lane?.versions.current.status?.kind !== 'ready';
    if (lane === undefined || isAwaited) return;
    const { package: name, version } = lane.adapter;
    // An upgrade names a path, or a version, range or tag.
    const next = wanted.startsWith('/') ? wanted : (parsePackageName(wanted)?.range ?? 'latest');
    const upgrade = this.isOfStore(id) ? `to upgrade it, ${commandLine('adapter', 'upgrade', id, next)}; ` : '';
    throw new InstallError(
      'TAKEN',
      `there is an adapter "${id}" (${name} ${version}): ${upgrade}to add this one beside it, give it another name: --id ${id}-2`,
    );
  }

  /** @throws {InstallError} NOT_NOW when the configuration file allows other versions alone */
  assertInRange(id: string, version: string): void {
    const range = this.#deps.named.get(id)?.range;
    if (range === undefined || satisfies(version, range)) return;
    throw new InstallError(
      'NOT_NOW',
      `hms-sync.yaml allows ${range} of ${id}, and not ${version}: change it there first`,
    );
  }

  /**
   * Only a package that has its id, or to which the configuration file gives it, and that asks for no more than packages
   * are granted.
   *
   * @throws {InstallError} NOT_ALLOWED, TAKEN
   */
  assertAllowed(manifest: Manifest): void {
    const why = whyNotGranted(manifest, this.#deps.limits);
    if (why !== undefined) throw new InstallError('NOT_ALLOWED', why);
    const { id, package: packageName } = manifest;
    const owner = this.#deps.store.lock.get(id)?.package ?? packageName;
    if (owner === packageName || this.#deps.named.get(id)?.package === packageName) return;
    throw new InstallError(
      'TAKEN',
      `the id "${id}" belongs to ${owner}; remove that adapter first (${commandLine('adapter', 'remove', id, ...REASON)}), or give ${packageName} another id`,
    );
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

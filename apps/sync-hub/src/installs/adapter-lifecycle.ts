import { lt as isOlder } from 'semver';
import type { CanaryOptions } from '../lanes/canary.ts';
import type { Lane } from '../lanes/lane.ts';
import type { Manifest } from '../runtimes/manifest.ts';
import type { ReviewedPackage, StoredVersion } from './adapter-store.ts';
import type { LockedAdapter, LockedVersion } from './adapters-lock.ts';
import { commandLine, InstallError, REASON } from './install-error.ts';
import { KnownAdapters } from './known-adapters.ts';
import type { AddedConfig, LifecycleDeps, VersionToRun } from './lifecycle-deps.ts';
import { DRAIN_MS, startAndCheck, switchVersion } from './version-switch.ts';

/** The result of adding or replacing an adapter. */
export interface Installed {
  readonly id: string;
  /** The version that runs now. */
  readonly version: string;
  /** What it found when it checked its external system and did not go well. */
  readonly warnings: readonly string[];
}

export interface AddRequest {
  /** `<package>@<range>`, or the absolute path of a tarball or a folder. */
  readonly package: string;
  /** Absent: the id of the manifest. */
  readonly id?: string | undefined;
  /** Undefined: none. */
  readonly config: AddedConfig | undefined;
  /** Of the tarball, by a review before; absent: whatever comes. */
  readonly integrity?: string | undefined;
}

export interface UpgradeRequest {
  readonly id: string;
  /** A version or range of its package, or the absolute path of a tarball or a folder. */
  readonly version: string;
  readonly canary?: CanaryOptions | undefined;
  readonly allowDowngrade: boolean;
  readonly integrity?: string | undefined;
}

/** What would be installed, before anything of it runs. */
export interface Review extends ReviewedPackage {
  /** The names of those that its configuration refers to; none when the configuration file has it. */
  readonly secrets: readonly string[];
}

/** The versions of an adapter beside the one that runs, for its health. */
export interface VersionsStatus {
  /** What a rollback goes back to; undefined when there is none. */
  readonly previous: string | undefined;
  /** Why another version runs than the lock names; empty when it is that one. */
  readonly notice: string;
}

/** Adds, replaces and removes adapters while the hub runs. What it did is on disk before it says so. */
export class AdapterLifecycle {
  readonly #deps: LifecycleDeps;
  readonly #known: KnownAdapters;
  readonly #changes = new ChangesUnderWay();
  readonly #notices = new Map<string, string>();

  constructor(deps: LifecycleDeps) {
    this.#deps = deps;
    this.#known = new KnownAdapters(deps);
  }

  status(id: string): VersionsStatus {
    return { previous: this.#deps.store.lock.get(id)?.previous?.version, notice: this.#notices.get(id) ?? '' };
  }

  /** Another version runs than the lock names as current; with an empty notice it is that one. */
  note(id: string, notice: string): void {
    if (notice === '') return;
    this.#notices.set(id, notice);
    this.#deps.report({ adapter: id, notice }, 'another version runs than the lock names');
  }

  /** Installs an adapter and gives it a lane: it gets what is accepted from then on. @throws {InstallError} */
  async add(request: AddRequest): Promise<Installed> {
    return this.#changes.installation(() => this.#add(request));
  }

  /** What {@link add} would install. Its code does not run, and nothing of it stays. @throws {InstallError} as it would */
  async reviewAdd(request: AddRequest): Promise<Review> {
    const { id, config } = request;
    this.#assertConfig(config);
    const claim = (manifest: Manifest) => this.#assertAddable(manifest, request);
    const reviewed = await this.#changes.installation(() => this.#deps.store.review(request.package, { id, claim }));
    return { ...reviewed, secrets: this.#deps.secretsIn(config ?? {}) };
  }

  /**
   * Replaces the version of an adapter by another, also while it delivers. With a canary it resolves when that is over.
   *
   * @throws {InstallError} and then the version before runs on
   */
  async upgrade(request: UpgradeRequest): Promise<Installed> {
    const { id, canary, integrity } = request;
    return this.#changes.of(id, 'an upgrade', async () => {
      const { lane, entry } = this.#known.installed(id);
      const { wanted, claim } = this.#upgradeOf(request);
      const stored = await this.#deps.store.install(wanted, { id, claim, integrity }).catch((error: unknown) => {
        throw withOrigin(error, id, entry.current);
      });
      const { version } = stored.locked;
      const isCurrent = entry.current.version === version && lane.adapter.version === version;
      if (isCurrent && lane.versions.current.status?.kind === 'ready') return { id, version, warnings: [] };
      return this.#replace({ lane, stored, canary });
    });
  }

  /** What {@link upgrade} would install. Its code does not run, and nothing of it stays. @throws {InstallError} as it would */
  async reviewUpgrade(request: UpgradeRequest): Promise<Review> {
    const { id } = request;
    const { entry } = this.#known.installed(id);
    const { wanted, claim } = this.#upgradeOf(request);
    const review = () => this.#deps.store.review(wanted, { id, claim });
    const reviewed = await this.#changes.installation(review).catch((error: unknown) => {
      throw withOrigin(error, id, entry.current);
    });
    return { ...reviewed, secrets: this.#deps.secretsIn(this.#configOf(id) ?? {}) };
  }

  /** Goes back to the version before the last upgrade, or ends the canary of a new one. @throws {InstallError} */
  async rollback(id: string, reason: string): Promise<Installed> {
    const { lane, entry } = this.#known.installed(id);
    if (lane.versions.canary !== undefined) {
      lane.versions.canary.fail(`an operator ended it: ${reason}`);
      return { id, version: lane.adapter.version, warnings: [] };
    }
    return this.#changes.of(id, 'a rollback', async () => {
      if (entry.previous === undefined) {
        throw new InstallError('NOT_NOW', `${id} has no version before ${entry.current.version} to go back to`);
      }
      this.#known.assertInRange(id, entry.previous.version);
      const stored = await this.#deps.store.loadVersion(id, entry.previous);
      return this.#replace({ lane, stored });
    });
  }

  /**
   * Starts the version that runs again, beside itself, with its secrets as they are now. Other adapters notice nothing.
   *
   * @throws {InstallError} and then what ran runs on
   */
  async restart(id: string): Promise<Installed> {
    return this.#changes.of(id, 'a restart', async () => {
      const lane = this.#known.lane(id);
      const next = await this.#versionAgain(lane);
      const checked = await switchVersion(this.#deps, { lane, next });
      const { pause } = lane.health();
      const paused =
        pause === undefined
          ? []
          : [`${id} is still paused (${pause}); to resume it, ${commandLine('adapter', 'resume', id, ...REASON)}`];
      return { id, version: lane.adapter.version, warnings: [...checked, ...paused] };
    });
  }

  /**
   * Takes an adapter away. With `discard`, the reason why, what is not settled is discarded with it: it gets no events
   * from the first moment on, and so nothing arrives meanwhile.
   *
   * @returns how many deliveries were discarded
   * @throws {InstallError} UNSETTLED while it has deliveries that are not settled
   */
  async remove(id: string, options?: { readonly discard: string }): Promise<number> {
    return this.#changes.of(id, 'a removal', async () => {
      const { lane } = this.#known.installed(id);
      const { lanes, store } = this.#deps;
      if (this.#deps.named.has(id)) {
        throw new InstallError('NOT_NOW', `hms-sync.yaml names ${id}: take it out there and restart the hub`);
      }
      lanes.setReceiving(id, false);
      try {
        const unsettled = await this.#deps.unsettled(id);
        if (options === undefined && unsettled > 0) throw isUnsettled(id, unsettled);
        await store.lock.set(id, undefined);
      } catch (error) {
        lanes.setReceiving(id, true);
        throw error;
      }
      // It is gone whatever happens from here on: a hub that ends now comes up without it.
      if (options !== undefined) await lane.drain(DRAIN_MS);
      lanes.remove(id);
      await lane.close();
      await store.prune(id);
      this.#notices.delete(id);
      if (options === undefined) return 0;
      // Behind the records that the lane asked for. Nobody attempts what is left.
      await this.#deps.unsettled(id);
      return this.#deps.discardOpen(id, options.discard);
    });
  }

  /**
   * A version of the store, to be run. When it is found changed at a start, the version before takes its place.
   *
   * @param config of one that is not in the lock yet
   */
  versionToRun({ manifest, locked }: StoredVersion, config = this.#configOf(manifest.id)): VersionToRun {
    const { id } = manifest;
    // It was verified when it was chosen, a moment before its first start.
    let isFirst = true;
    const fault = async () => {
      if (isFirst) {
        isFirst = false;
        return undefined;
      }
      const why = await this.#deps.store.fault(id, locked);
      if (why !== undefined) void this.#fallBack(id, locked, why);
      return why;
    };
    return { id, manifest, config, fault };
  }

  async #add(request: AddRequest): Promise<Installed> {
    const { store, lanes, named } = this.#deps;
    const { package: wanted, id, config, integrity } = request;
    this.#assertConfig(config);
    let claimed: string | undefined;
    // From before its folder is replaced until it is in the lock: two of the same id would share that folder.
    const claim = (manifest: Manifest) => {
      this.#changes.begin(manifest.id, 'an installation');
      claimed = manifest.id;
      this.#assertAddable(manifest, request);
    };
    try {
      const stored = await store.install(wanted, { id, claim, integrity });
      const lane = lanes.get(stored.manifest.id);
      if (!named.has(stored.manifest.id) || lane === undefined) return await this.#addNew(stored, config ?? {});
      return await this.#replace({ lane, stored });
    } finally {
      if (claimed !== undefined) this.#changes.end(claimed);
    }
  }

  /** Before anything of the package is looked at. @throws {InstallError} NOT_ALLOWED */
  #assertConfig(config: AddedConfig = {}): void {
    const rejected = this.#deps.rejectedConfig(config);
    if (rejected.length > 0) throw new InstallError('NOT_ALLOWED', rejected.join('; '));
  }

  /** @throws {InstallError} */
  #assertAddable(manifest: Manifest, { package: wanted, config }: AddRequest): void {
    const { id, version } = manifest;
    this.#known.assertFree(id, wanted);
    this.#known.assertAllowed(manifest);
    if (!this.#deps.named.has(id)) return;
    if (config !== undefined)
      throw new InstallError('NOT_NOW', `hms-sync.yaml configures ${id}: leave the configuration out here`);
    this.#known.assertInRange(id, version);
  }

  /** What an upgrade installs, and whether it may. */
  #upgradeOf({ id, version, allowDowngrade }: UpgradeRequest) {
    const { lane, entry } = this.#known.installed(id);
    const claim = (manifest: Manifest) => {
      this.#known.assertAllowed(manifest);
      this.#known.assertInRange(id, manifest.version);
      const running = lane.adapter.version || manifest.version;
      if (allowDowngrade || !isOlder(manifest.version, running)) return;
      throw new InstallError(
        'NOT_NOW',
        `${id} ${manifest.version} is older than the ${running} that runs; if that is meant: ${commandLine('adapter', 'upgrade', id, version, '--allow-downgrade')}`,
      );
    };
    return { wanted: version.startsWith('/') ? version : `${entry.package}@${version}`, claim };
  }

  async #addNew(stored: StoredVersion, config: AddedConfig): Promise<Installed> {
    const { store, lanes } = this.#deps;
    const { manifest, locked } = stored;
    const fresh = await this.#deps.createLane(this.versionToRun(stored, config));
    // It is notified of what is recorded of deliveries that it has from before, and gets no new ones until it is here to stay.
    lanes.setReceiving(manifest.id, false);
    lanes.add(fresh);
    try {
      await fresh.start();
      const warnings = await startAndCheck(fresh.versions.current, { id: manifest.id, otherwise: 'it was not added' });
      await store.lock.set(manifest.id, { package: manifest.package, current: locked, config: { ...config } });
      lanes.setReceiving(manifest.id, true);
      return { id: manifest.id, version: locked.version, warnings };
    } catch (error) {
      lanes.remove(manifest.id);
      await fresh.close();
      await store.prune(manifest.id);
      throw error;
    }
  }

  async #replace(change: {
    readonly lane: Lane;
    readonly stored: StoredVersion;
    readonly canary?: CanaryOptions | undefined;
  }): Promise<Installed> {
    const { lane, stored, canary } = change;
    const { store } = this.#deps;
    const { id } = lane.adapter;
    const { manifest, locked } = stored;
    const entry = store.lock.get(id);
    // A version of another package is nothing to go back to.
    const previous = entry?.package === manifest.package ? lastGood(entry, lane, locked) : undefined;
    const commit = async () => {
      const config = this.#configOf(id);
      await store.lock.set(id, {
        package: manifest.package,
        current: locked,
        ...(previous !== undefined && { previous }),
        ...(config !== undefined && { config }),
      });
      this.#notices.delete(id);
    };
    try {
      const warnings = await switchVersion(this.#deps, { lane, next: this.versionToRun(stored), canary, commit });
      return { id, version: locked.version, warnings };
    } finally {
      await store.prune(id);
    }
  }

  /** A version was changed on disk while it ran, and could not be started again. */
  async #fallBack(id: string, changed: LockedVersion, why: string): Promise<void> {
    const { store, lanes } = this.#deps;
    const lane = lanes.get(id);
    const entry = store.lock.get(id);
    if (lane?.adapter.version !== changed.version || entry?.previous === undefined) return;
    const { previous } = entry;
    try {
      await this.#changes.of(id, 'going back to the version before', async () => {
        const next = this.versionToRun(await store.loadVersion(id, previous));
        await switchVersion(this.#deps, { lane, next, commit: async () => this.note(id, why) });
      });
    } catch (error) {
      if (!(error instanceof InstallError)) throw error;
      this.#deps.report({ adapter: id, reason: error.message }, 'there is no version to go back to');
    }
  }

  /** What runs now, to be started again. */
  async #versionAgain({ adapter: { id, version } }: Lane): Promise<VersionToRun> {
    if (!this.#known.isOfStore(id)) {
      return { id, manifest: await this.#known.manifestOutside(id), config: undefined };
    }
    const { entry } = this.#known.installed(id);
    return this.versionToRun(await this.#deps.store.loadVersion(id, lockedAs(entry, version)));
  }

  /** Of an adapter that was added. Whoever wrote it into the file since has the file decide about it. */
  #configOf(id: string): AddedConfig | undefined {
    return this.#deps.named.has(id) ? undefined : this.#deps.store.lock.get(id)?.config;
  }
}

/** A version of an adapter as the lock names it; the current one for what is neither of the two. */
function lockedAs({ current, previous }: Pick<LockedAdapter, 'current' | 'previous'>, version: string): LockedVersion {
  return [current, previous].find((locked) => locked?.version === version) ?? current;
}

/**
 * What a rollback goes back to when another version takes over: the last one that ran well. One that does not run, or
 * crashes in a loop, is kept only where there is nothing better; a rollback from it leaves it behind.
 */
function lastGood({ current, previous }: LockedAdapter, lane: Lane, next: LockedVersion): LockedVersion | undefined {
  const running = lockedAs({ current, previous }, lane.adapter.version);
  if (running.version === next.version) return [previous, current].find((locked) => locked?.version !== next.version);
  if (lane.versions.current.isWell || previous === undefined) return running;
  return previous.version === next.version ? undefined : previous;
}

/** What came from a file has no versions at the registry. */
function withOrigin(error: unknown, id: string, { from }: LockedVersion): unknown {
  if (!(error instanceof InstallError && error.code === 'NOT_FOUND' && from.startsWith('/'))) return error;
  const message = `${error.message}; it was installed from a path, and is replaced so: ${commandLine('adapter', 'upgrade', id, from)}`;
  return new InstallError('NOT_FOUND', message, { cause: error });
}

function isUnsettled(id: string, unsettled: number): InstallError {
  return new InstallError(
    'UNSETTLED',
    `${id} has deliveries that are not settled (${unsettled}): let them be delivered, or discard them with it: ${commandLine('adapter', 'remove', id, '--discard', ...REASON)}`,
  );
}

/** Each runs an npm and an adapter, for minutes if they hang. One more is refused: nothing waits behind what hangs. */
const INSTALLATIONS_MAX = 4;

/** What is being done to adapters: one change of each at a time, and a bounded number of installations. */
export class ChangesUnderWay {
  readonly #byId = new Map<string, string>();
  #installations = 0;

  /** Makes a change of an adapter. @throws {InstallError} NOT_NOW while another one is under way */
  async of<Result>(id: string, what: string, change: () => Promise<Result>): Promise<Result> {
    this.begin(id, what);
    try {
      return await change();
    } finally {
      this.end(id);
    }
  }

  /** @throws {InstallError} NOT_NOW */
  begin(id: string, what: string): void {
    const running = this.#byId.get(id);
    if (running !== undefined)
      throw new InstallError('NOT_NOW', `${running} of ${id} is under way: wait until it is over`);
    this.#byId.set(id, what);
  }

  end(id: string): void {
    this.#byId.delete(id);
  }

  /** Installs something, under an id that may not be known yet. @throws {InstallError} NOT_NOW when too many do */
  async installation<Result>(install: () => Promise<Result>): Promise<Result> {
    if (this.#installations >= INSTALLATIONS_MAX) {
      throw new InstallError('NOT_NOW', `${INSTALLATIONS_MAX} installations are under way: wait until one is over`);
    }
    this.#installations += 1;
    try {
      return await install();
    } finally {
      this.#installations -= 1;
    }
  }
}

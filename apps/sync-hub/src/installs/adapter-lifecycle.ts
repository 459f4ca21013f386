import { lt as isOlder } from 'semver';
import type { CanaryOptions } from '../lanes/canary.ts';
import type { Lane } from '../lanes/lane.ts';
import type { AddRequest, Installed, UpgradeRequest, VersionsStanding } from './adapter-change.ts';
import type { AdapterHouse, VersionToRun } from './adapter-house.ts';
import type { StoredVersion } from './adapter-store.ts';
import type { LockedVersion } from './adapters-lock.ts';
import { ChangesUnderWay } from './changes-under-way.ts';
import { commandLine, REASON } from './command-line.ts';
import { InstallError } from './install-error.ts';
import { KnownAdapters, whereItCameFrom } from './known-adapters.ts';
import { lastGood, lockedAs } from './last-good.ts';
import { DRAIN_MS, startAndCheck, switchVersion } from './version-switch.ts';

/** Adds, replaces and removes adapters while the hub runs. What it did is on disk before it says so. */
export class AdapterLifecycle<Settings> {
  readonly #house: AdapterHouse<Settings>;
  readonly #known: KnownAdapters<Settings>;
  readonly #changes = new ChangesUnderWay();
  readonly #notices = new Map<string, string>();

  constructor(house: AdapterHouse<Settings>) {
    this.#house = house;
    this.#known = new KnownAdapters(house);
  }

  standing(id: string): VersionsStanding {
    return { previous: this.#house.store.lock.get(id)?.previous?.version, notice: this.#notices.get(id) ?? '' };
  }

  /** Another version runs than the lock names as current; with an empty notice it is that one. */
  note(id: string, notice: string): void {
    if (notice === '') return;
    this.#notices.set(id, notice);
    this.#house.onReport({ adapter: id, notice }, 'another version runs than the lock names');
  }

  /** Installs an adapter and gives it a lane: it gets what is accepted from then on. @throws {InstallError} */
  async add(request: AddRequest): Promise<Installed> {
    return this.#changes.installation(() => this.#add(request));
  }

  /**
   * Replaces the version of an adapter by another, also while it delivers. With a canary it resolves when that is over.
   *
   * @throws {InstallError} and then the version before runs on
   */
  async upgrade({ id, version, canary, allowDowngrade }: UpgradeRequest): Promise<Installed> {
    return this.#changes.of(id, 'an upgrade', async () => {
      const { lane, entry } = this.#known.installed(id);
      const wanted = version.startsWith('/') ? version : `${entry.package}@${version}`;
      const stored = await this.#house.store.install(wanted, { id }).catch((error: unknown) => {
        throw whereItCameFrom(error, id, entry.current);
      });
      const next = stored.locked.version;
      this.#known.assertInRange(id, next);
      const running = lane.adapter.version;
      if (!allowDowngrade && isOlder(next, running || next)) {
        throw new InstallError(
          'NOT_NOW',
          `${id} ${next} is older than the ${running} that runs; if that is meant: ${commandLine('adapter', 'upgrade', id, version, '--allow-downgrade')}`,
        );
      }
      const isCurrent = entry.current.version === next && running === next;
      if (isCurrent && lane.versions.current.standing?.kind === 'ready') return { id, version: next, warnings: [] };
      return this.#replace({ lane, stored, canary });
    });
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
      const stored = await this.#house.store.loadVersion(id, entry.previous);
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
      const checked = await switchVersion(this.#house, { lane, next, commit: async () => undefined });
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
      const { lanes, store } = this.#house;
      if (this.#house.named.has(id)) {
        throw new InstallError('NOT_NOW', `hms-sync.yaml names ${id}: take it out there and restart the hub`);
      }
      lanes.setReceiving(id, false);
      try {
        const unsettled = await this.#house.unsettled(id);
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
      await this.#house.unsettled(id);
      return this.#house.discardOpen(id, options.discard);
    });
  }

  /** What runs a version of the store. When it is found changed at a start, the version before takes its place. */
  versionToRun({ manifest, locked }: StoredVersion, settings: Settings): VersionToRun<Settings> {
    const { id } = manifest;
    // It was verified when it was chosen, a moment before its first start.
    let isFirst = true;
    const fault = async () => {
      if (isFirst) {
        isFirst = false;
        return undefined;
      }
      const why = await this.#house.store.fault(id, locked);
      if (why !== undefined) void this.#fallBack(id, locked, why);
      return why;
    };
    return { id, manifest, settings, fault };
  }

  async #add({ package: wanted, id, config }: AddRequest): Promise<Installed> {
    const { store, lanes } = this.#house;
    // Before anything of the package is looked at.
    const refused = this.#house.refusedConfig(config ?? {});
    if (refused.length > 0) throw new InstallError('NOT_ALLOWED', refused.join('; '));
    let claimed: string | undefined;
    // From before its folder is replaced until it is in the lock: two of the same id would share that folder.
    const claim = (own: string) => {
      this.#changes.begin(own, 'an installation');
      claimed = own;
      this.#known.assertFree(own, wanted);
    };
    try {
      const isOwn = (own: string, name: string) => this.#known.isNamedFor(own, name);
      const stored = await store.install(wanted, { id, claim, isOwn });
      const { manifest, locked } = stored;
      const named = this.#house.named.get(manifest.id);
      const lane = lanes.get(manifest.id);
      if (named === undefined || lane === undefined) return await this.#addNew(stored, config ?? {});
      if (config !== undefined) {
        throw new InstallError('NOT_NOW', `hms-sync.yaml configures ${manifest.id}: leave the configuration out here`);
      }
      this.#known.assertInRange(manifest.id, locked.version);
      return await this.#replace({ lane, stored });
    } finally {
      if (claimed !== undefined) this.#changes.end(claimed);
    }
  }

  async #addNew(stored: StoredVersion, config: Readonly<Record<string, unknown>>): Promise<Installed> {
    const { store, lanes } = this.#house;
    const { manifest, locked } = stored;
    const settings = this.#house.settingsOf(manifest.package, config);
    const fresh = await this.#house.createLane(this.versionToRun(stored, settings));
    // It hears what is recorded of deliveries that it has from before, and gets no new ones until it is here to stay.
    lanes.setReceiving(manifest.id, false);
    lanes.add(fresh);
    try {
      const warnings = await startAlone(fresh);
      await store.lock.set(manifest.id, { package: manifest.package, current: locked, config: { ...config } });
      lanes.setReceiving(manifest.id, true);
      this.#house.onChange();
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
    const { store } = this.#house;
    const { id } = lane.adapter;
    const { manifest, locked } = stored;
    const entry = store.lock.get(id);
    const settings = this.#known.settings(id);
    // A version of another package is nothing to go back to.
    const previous = entry?.package === manifest.package ? lastGood(entry, { lane, next: locked }) : undefined;
    const commit = async () => {
      // Whoever wrote an added adapter into the file has the file decide about it.
      const config = this.#house.named.has(id) ? undefined : entry?.config;
      await store.lock.set(id, {
        package: manifest.package,
        current: locked,
        ...(previous !== undefined && { previous }),
        ...(config !== undefined && { config }),
      });
      this.#notices.delete(id);
    };
    try {
      const next = this.versionToRun(stored, settings);
      const warnings = await switchVersion(this.#house, { lane, next, canary, commit });
      return { id, version: locked.version, warnings };
    } finally {
      await store.prune(id);
    }
  }

  /** A version was changed on disk while it ran, and could not be started again. */
  async #fallBack(id: string, changed: LockedVersion, why: string): Promise<void> {
    const { store, lanes, onReport } = this.#house;
    const lane = lanes.get(id);
    const entry = store.lock.get(id);
    if (lane?.adapter.version !== changed.version || entry?.previous === undefined) return;
    const { previous } = entry;
    try {
      await this.#changes.of(id, 'going back to the version before', async () => {
        const next = this.versionToRun(await store.loadVersion(id, previous), this.#known.settings(id));
        await switchVersion(this.#house, { lane, next, commit: async () => this.note(id, why) });
      });
    } catch (error) {
      if (!(error instanceof InstallError)) throw error;
      onReport({ adapter: id, reason: error.message }, 'there is no version to go back to');
    }
  }

  /** What runs now, to be started again. */
  async #versionAgain({ adapter: { id, version } }: Lane): Promise<VersionToRun<Settings>> {
    const outside = await this.#known.manifestOutside(id);
    if (outside !== undefined) return { id, ...outside, settings: this.#known.settings(id) };
    const { entry } = this.#known.installed(id);
    const stored = await this.#house.store.loadVersion(id, lockedAs(entry, version));
    return this.versionToRun(stored, this.#known.settings(id));
  }
}

/** Starts the lane of an adapter that nothing is known of yet. @throws {InstallError} DOES_NOT_RUN */
async function startAlone(lane: Lane): Promise<readonly string[]> {
  await lane.start();
  return startAndCheck(lane.versions.current, { id: lane.adapter.id, otherwise: 'it was not added' });
}

function isUnsettled(id: string, unsettled: number): InstallError {
  return new InstallError(
    'UNSETTLED',
    `${id} has deliveries that are not settled (${unsettled}): let them be delivered, or discard them with it: ${commandLine('adapter', 'remove', id, '--discard', ...REASON)}`,
  );
}

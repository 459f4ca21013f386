import type { Lane } from '../lanes/lane.ts';
import type { AddRequest, Installed, UpgradeRequest, VersionsStanding } from './adapter-change.ts';
import type { AdapterHouse, VersionToRun } from './adapter-house.ts';
import type { StoredVersion } from './adapter-store.ts';
import type { LockedAdapter, LockedVersion } from './adapters-lock.ts';
import { InstallError } from './install-error.ts';
import { compareVersions, satisfies } from './version-range.ts';
import { type Canary, startAndCheck, switchVersion } from './version-switch.ts';

/** Each runs an npm and an adapter, for minutes if they hang. One more is refused: nothing waits behind what hangs. */
const INSTALLATIONS_MAX = 4;

/** Adds, replaces and removes adapters while the hub runs. What it did is on disk before it says so. */
export class AdapterLifecycle<Settings> {
  readonly #house: AdapterHouse<Settings>;
  /** What is being done to an adapter, by its id. */
  readonly #busy = new Map<string, string>();
  readonly #notices = new Map<string, string>();
  #installations = 0;

  constructor(house: AdapterHouse<Settings>) {
    this.#house = house;
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
    if (this.#installations >= INSTALLATIONS_MAX) {
      throw new InstallError('NOT_NOW', `${INSTALLATIONS_MAX} installations are under way: wait until one is over`);
    }
    this.#installations += 1;
    try {
      return await this.#add(request);
    } finally {
      this.#installations -= 1;
    }
  }

  /**
   * Replaces the version of an adapter by another, also while it delivers. With a canary it resolves when that is over.
   *
   * @throws {InstallError} and then the version before runs on
   */
  async upgrade({ id, version, canary, allowDowngrade }: UpgradeRequest): Promise<Installed> {
    return this.#claimed(id, 'an upgrade', async () => {
      const { lane, entry } = this.#installed(id);
      const wanted = version.startsWith('/') ? version : `${entry.package}@${version}`;
      const stored = await this.#house.store.install(wanted, { id }).catch((error: unknown) => {
        throw whereItCameFrom(error, entry.current.from);
      });
      const next = stored.locked.version;
      this.#assertInRange(id, next);
      const running = lane.adapter.version;
      if (!allowDowngrade && compareVersions(next, running || next) < 0) {
        throw new InstallError(
          'NOT_NOW',
          `${id} ${next} is older than the ${running} that runs: "hms-sync adapter rollback ${id}" goes back a version, --allow-downgrade to any`,
        );
      }
      const isCurrent = entry.current.version === next && running === next;
      if (isCurrent && lane.versions.current.standing?.kind === 'ready') return { id, version: next, warnings: [] };
      return this.#replace({ lane, stored, canary });
    });
  }

  /** Goes back to the version before the last upgrade, or ends the trial of a new one. @throws {InstallError} */
  async rollback(id: string, reason: string): Promise<Installed> {
    const { lane, entry } = this.#installed(id);
    if (lane.versions.trial !== undefined) {
      lane.versions.trial.fail(`a person ended it: ${reason}`);
      return { id, version: lane.adapter.version, warnings: [] };
    }
    return this.#claimed(id, 'a rollback', async () => {
      if (entry.previous === undefined) {
        throw new InstallError('NOT_NOW', `${id} has no version before ${entry.current.version} to go back to`);
      }
      this.#assertInRange(id, entry.previous.version);
      const stored = await this.#house.store.loadVersion(id, entry.previous);
      return this.#replace({ lane, stored });
    });
  }

  /** Takes an adapter away. @throws {InstallError} UNSETTLED while it has deliveries that are not settled */
  async remove(id: string): Promise<void> {
    await this.#claimed(id, 'a removal', async () => {
      const { lane } = this.#installed(id);
      const { lanes, store } = this.#house;
      if (this.#house.named.has(id)) {
        throw new InstallError('NOT_NOW', `hms-sync.yaml names ${id}: take it out there and restart the hub`);
      }
      lanes.setLeaving(id, true);
      try {
        // What was accepted for it a moment ago is known afterwards.
        await this.#house.settled();
        assertSettled(lane);
        await store.lock.set(id, undefined);
      } catch (error) {
        lanes.setLeaving(id, false);
        throw error;
      }
      lanes.remove(id);
      await lane.close();
      await store.prune(id);
      this.#notices.delete(id);
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
    return { manifest, settings, fault };
  }

  async #add({ package: wanted, id, config }: AddRequest): Promise<Installed> {
    const { store, lanes } = this.#house;
    // Before anything of the package is looked at.
    const refused = this.#house.refusedConfig(config ?? {});
    if (refused.length > 0) throw new InstallError('NOT_ALLOWED', refused.join('; '));
    let claimed: string | undefined;
    // From before its folder is replaced until it is in the lock: two of the same id would share that folder.
    const claim = (own: string) => {
      this.#assertFree(own);
      this.#claim(own, 'an installation');
      claimed = own;
    };
    try {
      const stored = await store.install(wanted, { id, claim });
      const { manifest, locked } = stored;
      const named = this.#house.named.get(manifest.id);
      const lane = lanes.get(manifest.id);
      if (named === undefined || lane === undefined) return await this.#addNew(stored, config ?? {});
      if (config !== undefined) {
        throw new InstallError('NOT_NOW', `hms-sync.yaml configures ${manifest.id}: leave the configuration out here`);
      }
      this.#assertInRange(manifest.id, locked.version);
      return await this.#replace({ lane, stored });
    } finally {
      if (claimed !== undefined) this.#busy.delete(claimed);
    }
  }

  async #addNew(stored: StoredVersion, config: Readonly<Record<string, unknown>>): Promise<Installed> {
    const { store, lanes } = this.#house;
    const { manifest, locked } = stored;
    const settings = this.#house.settingsOf(manifest.package, config);
    const fresh = await this.#house.createLane(this.versionToRun(stored, settings));
    try {
      const warnings = await startAlone(fresh);
      await store.lock.set(manifest.id, { package: manifest.package, current: locked, config: { ...config } });
      lanes.add(fresh);
      this.#house.onChange();
      return { id: manifest.id, version: locked.version, warnings };
    } catch (error) {
      await fresh.close();
      await store.prune(manifest.id);
      throw error;
    }
  }

  async #replace(change: {
    readonly lane: Lane;
    readonly stored: StoredVersion;
    readonly canary?: Canary | undefined;
  }): Promise<Installed> {
    const { lane, stored, canary } = change;
    const { store } = this.#house;
    const { id } = lane.adapter;
    const { manifest, locked } = stored;
    const entry = store.lock.get(id);
    const settings = this.#settings(id, entry);
    const previous = entry === undefined ? undefined : lastGood(entry, { lane, next: locked });
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
      await this.#claimed(id, 'going back to the version before', async () => {
        const next = this.versionToRun(await store.loadVersion(id, previous), this.#settings(id, entry));
        await switchVersion(this.#house, { lane, next, commit: async () => this.note(id, why) });
      });
    } catch (error) {
      if (!(error instanceof InstallError)) throw error;
      onReport({ adapter: id, reason: error.message }, 'there is no version to go back to');
    }
  }

  #settings(id: string, entry: LockedAdapter | undefined): Settings {
    const named = this.#house.named.get(id);
    return named?.settings ?? this.#house.settingsOf(entry?.package ?? '', entry?.config ?? {});
  }

  #installed(id: string): { readonly lane: Lane; readonly entry: LockedAdapter } {
    const lane = this.#house.lanes.get(id);
    if (lane === undefined) throw new InstallError('NO_SUCH_ADAPTER', `the hub has no adapter "${id}"`);
    const entry = this.#house.store.lock.get(id);
    const named = this.#house.named.get(id);
    if (named !== undefined && named.range === undefined) {
      const where = named.package === '' ? 'runs elsewhere' : "comes from node_modules beside the hub's configuration";
      throw new InstallError(
        'NOT_NOW',
        `${id} ${where}: the hub replaces what it installed itself. Name it with a range in hms-sync.yaml, package: "${named.package || '<package>'}@^1.0.0", or replace it there and restart the hub`,
      );
    }
    if (entry !== undefined) return { lane, entry };
    throw new InstallError(
      'NOT_NOW',
      `${id} is not installed yet: hms-sync adapter add ${named?.package}@${named?.range}`,
    );
  }

  /** An id that nothing has, or that the configuration file keeps for a version that is still to be installed. */
  #assertFree(id: string): void {
    const lane = this.#house.lanes.get(id);
    const named = this.#house.named.get(id);
    const isAwaited = named?.range !== undefined && lane?.versions.current.standing?.kind !== 'ready';
    if (lane === undefined || isAwaited) return;
    const { version } = lane.adapter;
    throw new InstallError(
      'TAKEN',
      `there is an adapter "${id}" (${lane.adapter.package} ${version}): upgrade it with "hms-sync adapter upgrade ${id} <version>", or add this one under another name: --id <name>`,
    );
  }

  #assertInRange(id: string, version: string): void {
    const range = this.#house.named.get(id)?.range;
    if (range === undefined || satisfies(version, range)) return;
    throw new InstallError(
      'NOT_NOW',
      `hms-sync.yaml allows ${range} of ${id}, and not ${version}: change it there first`,
    );
  }

  async #claimed<Result>(id: string, what: string, change: () => Promise<Result>): Promise<Result> {
    this.#claim(id, what);
    try {
      return await change();
    } finally {
      this.#busy.delete(id);
    }
  }

  /** One change of an adapter at a time. @throws {InstallError} NOT_NOW */
  #claim(id: string, what: string): void {
    const running = this.#busy.get(id);
    if (running !== undefined)
      throw new InstallError('NOT_NOW', `${running} of ${id} is under way: wait until it is over`);
    this.#busy.set(id, what);
  }
}

/** Starts the lane of an adapter that nothing is known of yet. @throws {InstallError} DOES_NOT_RUN */
async function startAlone(lane: Lane): Promise<readonly string[]> {
  await lane.start();
  return startAndCheck(lane.versions.current, { id: lane.adapter.id, otherwise: 'it was not added' });
}

/** @throws {InstallError} UNSETTLED */
function assertSettled(lane: Lane): void {
  const { id } = lane.adapter;
  const { waiting } = lane.health();
  if (waiting === 0) return;
  throw new InstallError(
    'UNSETTLED',
    `${id} has deliveries that are not settled (${waiting}): let them be delivered, or give them up: hms-sync discard --adapter ${id} --reason '<why>'`,
  );
}

/** What came from a file has no versions at the registry. */
function whereItCameFrom(error: unknown, from: string): unknown {
  if (!(error instanceof InstallError && error.code === 'NOT_FOUND' && from.startsWith('/'))) return error;
  const message = `${error.message}; it was installed from ${from}: name a folder or a tarball instead of a version`;
  return new InstallError('NOT_FOUND', message, { cause: error });
}

/**
 * What a rollback goes back to when another version takes over: the last one that ran well. One that does not run, or
 * crashes in a loop, is kept only where there is nothing better; a rollback from it leaves it behind.
 */
function lastGood(
  { current, previous }: LockedAdapter,
  { lane, next }: { readonly lane: Lane; readonly next: LockedVersion },
): LockedVersion | undefined {
  const running = [current, previous].find((locked) => locked?.version === lane.adapter.version) ?? current;
  if (running.version === next.version) return [previous, current].find((locked) => locked?.version !== next.version);
  if (lane.versions.current.isWell) return running;
  if (previous === undefined) return running;
  return previous.version === next.version ? undefined : previous;
}

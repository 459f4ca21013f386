import type { AdapterLanes, AdapterToRun } from './adapter-lanes.ts';
import { Membership } from './cluster/membership.ts';
import { OwnedRuntime } from './cluster/owned-runtime.ts';
import { RunningLanes } from './cluster/running-lanes.ts';
import type { LaneOwnership } from './core/ownership-state.ts';
import type { ConfiguredAdapter } from './edges/rpc/cluster-health.ts';
import { hubName } from './files/hub-name.ts';
import type { Hubs } from './journal/cluster-journal.ts';
import type { JournalError } from './journal/journal-error.ts';
import { systemClock } from './lanes/clock.ts';
import type { LaneSet } from './lanes/lane-set.ts';
import { ManifestError } from './runtimes/manifest.ts';
import type { Runtime } from './runtimes/runtime.ts';

export interface SharedLanesOptions {
  readonly hubs: Hubs;
  readonly lanes: LaneSet;
  readonly adapterLanes: () => AdapterLanes;
  readonly adapters: readonly AdapterToRun[];
  readonly dataDir: string;
  readonly version: string;
  readonly drainMs: number;
  readonly onLeft: (error: JournalError) => void;
  readonly onChange: () => void;
}

/** Part of the composition: the lanes of a hub that shares its journal with others, which come and go. */
export class SharedLanes {
  readonly membership: Membership;
  readonly hubs: Hubs;
  /** The same for each process of the data folder. */
  readonly name: string;
  readonly configured: readonly ConfiguredAdapter[];
  readonly #running: RunningLanes;

  constructor(options: SharedLanesOptions) {
    const { hubs, lanes, adapterLanes, adapters, dataDir, version, drainMs, onLeft, onChange } = options;
    this.hubs = hubs;
    this.name = hubName(dataDir);
    this.configured = adapters.map((adapter) => {
      const { package: packageName, runtime } = adapter.settings;
      return { id: adapter.id, package: packageName, runtime, fault: whyNotRunnable(adapter) };
    });
    const byId = new Map(adapters.map((adapter) => [adapter.id, adapter]));
    this.#running = new RunningLanes({
      lanes,
      create: (id, epoch) => adapterLanes().createLane(byId.get(id) as AdapterToRun, epoch),
      drainMs,
    });
    this.membership = new Membership({
      hubs,
      clock: systemClock,
      hub: { name: this.name, version },
      canRun: this.configured.flatMap(({ id, fault }) => (fault === undefined ? [id] : [])),
      lanes: this.#running,
      onLeft,
      onChange,
    });
  }

  /** The runtime that a lane gets. */
  own({ id, settings }: AdapterToRun, runtime: Runtime): Runtime {
    const owned = new OwnedRuntime(runtime, {
      attemptTimeoutMs: settings.delivery.timeoutMs,
      mayBegin: () => this.membership.mayBegin(id),
      expectAttempts: (timeoutMs) => this.membership.expectAttempts(id, timeoutMs),
    });
    this.#running.add(id, owned);
    return owned;
  }

  /** Who owns each lane, as far as this hub knows. */
  get ownerships(): readonly LaneOwnership[] {
    return this.membership.lanes;
  }
}

/** Why a hub cannot run an adapter; undefined when it can. */
function whyNotRunnable({ manifest, settings }: AdapterToRun): string | undefined {
  if (manifest instanceof ManifestError) return manifest.message;
  return settings.missing.length === 0 ? undefined : settings.missing.join('; ');
}

import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import type { RecordedDelivery } from '../core/delivery.ts';
import { openInlineJournal } from '../journal/sqlite/inline-journal.ts';
import { sampleAccept, sampleEvent } from '../journal/suite/samples.fixture.ts';
import { systemClock } from '../lanes/clock.ts';
import { LaneSet } from '../lanes/lane-set.ts';
import { openTestLane } from '../lanes/test-lane.fixture.ts';
import { DeliveryFinder } from '../operations/delivery-query.ts';
import { Discards } from '../operations/discards.ts';
import type { PackageLimits } from '../runtimes/manifest.ts';
import type { Runtime, RuntimeStart } from '../runtimes/runtime.ts';
import { ScriptedRuntime } from '../runtimes/suite/scripted-runtime.fixture.ts';
import { AdapterLifecycle } from './adapter-lifecycle.ts';
import { AdapterStore } from './adapter-store.ts';
import type { LifecycleDeps, NamedPackage, VersionToRun } from './lifecycle-deps.ts';
import { useFolder, writePackage } from './sample-package.fixture.ts';

/** A hub on a journal in memory that installs real packages, and whose versions the test plays. */
export interface Fixture {
  readonly folder: string;
  readonly store: AdapterStore;
  readonly lanes: LaneSet;
  readonly lifecycle: AdapterLifecycle;
  readonly records: RecordedDelivery[];
  readonly reports: string[];
  /** What packages may ask for; a test may change it. */
  readonly limits: PackageLimits;
  /** The versions that were made to run, in order, with what they were given. */
  readonly made: { readonly version: VersionToRun; readonly runtime: ScriptedRuntime }[];
  /** Plays the next runtime of a version. */
  readonly plays: Map<string, (runtime: ScriptedRuntime) => void>;
  /** Accepts events for the adapters that take them now; each with its own key. */
  accept(...ids: readonly string[]): Promise<void>;
  /** The process of what runs ends by itself, and does not come back. */
  crash(): void;
  /** How many deliveries of an adapter are not settled. */
  openDeliveries(id: string): Promise<number>;
  /** The names of the versions that a file named as current would load after a restart. */
  currentInLock(id: string): Promise<string | undefined>;
}

/** @param named by the configuration file */
export async function openFixture(named: Readonly<Record<string, NamedPackage>> = {}): Promise<Fixture> {
  const folder = join(await useFolder(), 'adapters');
  const store = await AdapterStore.open(folder);
  const journal = openInlineJournal();
  const lanes = new LaneSet([], (receivers) => void journal.setReceivers(receivers));
  const records: RecordedDelivery[] = [];
  const reports: string[] = [];
  const made: Fixture['made'] = [];
  const plays: Fixture['plays'] = new Map();
  const crashes = new Map<ScriptedRuntime, (start: RuntimeStart) => void>();
  journal.subscribe({
    committed: (commit) => {
      records.push(...commit.records);
      lanes.committed(commit);
    },
    ended: (error) => {
      throw error;
    },
  });
  const createRuntime = (version: VersionToRun) => {
    const runtime = new ScriptedRuntime();
    plays.get(version.manifest?.version ?? '')?.(runtime);
    const { start } = runtime;
    runtime.start = (onChange?: (start: RuntimeStart) => void) => {
      if (onChange !== undefined) crashes.set(runtime, onChange);
      // A test may play a start that asks to be called back, too.
      return (start as Runtime['start'])(onChange);
    };
    made.push({ version, runtime });
    return runtime;
  };
  const createLane = (version: VersionToRun) => {
    const { id, manifest } = version;
    const adapter = { id, package: manifest?.package ?? '', version: manifest?.version ?? '' };
    return openTestLane({ id, adapter, runtime: createRuntime(version), journal });
  };
  const unsettled = async (id: string) => {
    const { lanes: counts } = await journal.readStatistics();
    return counts.find(({ adapter }) => adapter === id)?.unsettled ?? 0;
  };
  const finder = new DeliveryFinder({ journal, lanes });
  const discards = new Discards({ journal, lanes, finder, clock: systemClock });
  const limits: PackageLimits = { maxMemoryMb: 1_024, permissions: 'optional' };
  const deps: LifecycleDeps = {
    store,
    lanes,
    named: new Map(Object.entries(named)),
    folder,
    limits,
    rejectedConfig: (config) =>
      JSON.stringify(config).includes('NOT_ALLOWED') ? ['config.token: may not be used'] : [],
    secretsIn: (config) => Object.keys(config),
    discardOpen: async (adapter, reason) => {
      const query = { filter: { adapters: [adapter] }, states: ['waiting', 'retrying', 'held'] } as const;
      return discards.run(query, reason, new AbortController().signal);
    },
    createRuntime,
    createLane,
    unsettled,
    report: (_facts, text) => reports.push(text),
  };
  const lifecycle = new AdapterLifecycle(deps);
  onTestFinished(async () => {
    await lanes.close();
    await journal.close();
  });
  return {
    ...{ folder, store, lanes, lifecycle, records, reports, limits, made, plays },
    accept: async (...ids) => {
      const accept = (id: string) => journal.accept(sampleAccept(sampleEvent(id, { key: id })));
      await Promise.all(ids.map(accept));
    },
    crash: () => {
      const { runtime } = made.at(-1) ?? {};
      if (runtime !== undefined) crashes.get(runtime)?.({ kind: 'starting', reason: 'its process exited' });
    },
    openDeliveries: unsettled,
    currentInLock: async (id) => (await AdapterStore.open(folder)).lock.get(id)?.current.version,
  };
}

export const until = (condition: () => boolean) => vi.waitUntil(condition, { interval: 2, timeout: 10_000 });
export const upgradeTo = (version: string) => ({ id: 'lab', version, allowDowngrade: false });

/** A hub with an adapter "lab" 1.0.0 that was added. */
export async function openWithLab(): Promise<Fixture> {
  const fixture = await openFixture();
  await fixture.lifecycle.add({ package: await writePackage(), config: undefined });
  return fixture;
}

/** What runs, what a restart would run, and what a rollback would go back to. */
export async function versionsOf({ lanes, lifecycle, currentInLock }: Fixture) {
  const version = lanes.get('lab')?.adapter.version;
  return { version, current: await currentInLock('lab'), previous: lifecycle.status('lab').previous };
}

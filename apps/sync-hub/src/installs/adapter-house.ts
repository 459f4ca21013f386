import type { Clock } from '../lanes/clock.ts';
import type { Lane } from '../lanes/lane.ts';
import type { Lanes } from '../lanes/lanes.ts';
import type { Manifest } from '../runtimes/manifest.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import type { AdapterStore } from './adapter-store.ts';

/** An adapter that the configuration file names. */
export interface NamedInstall<Settings> {
  readonly package: string;
  /** Which versions of the store it may load. Undefined: it is not of the store. */
  readonly range: string | undefined;
  readonly settings: Settings;
}

/** A version that is to run, and how. */
export interface VersionToRun<Settings> {
  readonly id: string;
  /** Undefined: it runs elsewhere. */
  readonly manifest: Manifest | undefined;
  readonly settings: Settings;
  /** Asked before each start of it: why it may not be loaded; undefined when it may. Absent: it always may. */
  readonly fault?: () => Promise<string | undefined>;
}

/** What installing needs of the hub around it. `Settings`: what the operator set for one adapter. */
export interface AdapterHouse<Settings> {
  readonly store: AdapterStore;
  readonly lanes: Lanes;
  readonly clock: Clock;
  /** By the adapters' ids. */
  readonly named: ReadonlyMap<string, NamedInstall<Settings>>;
  /** The settings of an adapter that is not in the file. Its configuration holds secrets by reference. */
  settingsOf(packageName: string, config: Readonly<Record<string, unknown>>): Settings;
  /** Settings with their secrets as they are now. */
  readAgain(settings: Settings): Settings;
  /** The manifest of a package that is not of the store, as it is now. @throws {ManifestError} */
  readManifest(packageName: string): Promise<Manifest>;
  /** Discards what is not settled of an adapter that has no lane any more; answers how many there were. */
  discardOpen(id: string, reason: string): Promise<number>;
  /** Why such a configuration may not be added, by its paths; empty when it may. */
  refusedConfig(config: Readonly<Record<string, unknown>>): readonly string[];
  createRuntime(version: VersionToRun<Settings>): Runtime;
  /** A lane that is not started and gets no events yet. */
  createLane(version: VersionToRun<Settings>): Promise<Lane>;
  /** How many deliveries of an adapter are not settled, once all that was accepted and recorded before is counted. */
  unsettled(id: string): Promise<number>;
  /** Something happened that people should know, for the log. */
  onReport(facts: Readonly<Record<string, unknown>>, text: string): void;
  /** The health of an adapter says something new. */
  onChange(): void;
}

import type { Lane } from '../lanes/lane.ts';
import type { LaneSet } from '../lanes/lane-set.ts';
import type { Manifest, PackageLimits } from '../runtimes/manifest.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import type { AdapterStore } from './adapter-store.ts';

/** An adapter that the configuration file names. */
export interface NamedPackage {
  readonly package: string;
  /** Which versions of the store it may load. Undefined: it is not of the store. */
  readonly range: string | undefined;
}

/** The configuration of an adapter that was added while the hub ran: secrets by reference. */
export type AddedConfig = Readonly<Record<string, unknown>>;

/** A version that is to run. */
export interface VersionToRun {
  readonly id: string;
  /** Undefined: it runs elsewhere. */
  readonly manifest: Manifest | undefined;
  /** Undefined: the configuration file has it. */
  readonly config: AddedConfig | undefined;
  /** Called before each start of it: why it may not be loaded; undefined when it may. Absent: it always may. */
  readonly fault?: () => Promise<string | undefined>;
}

/** What the lifecycle of adapters needs of the hub around it. */
export interface LifecycleDeps {
  readonly store: AdapterStore;
  readonly lanes: LaneSet;
  /** By the adapters' ids. */
  readonly named: ReadonlyMap<string, NamedPackage>;
  /** Where the configuration file is: packages that are not of the store are looked up from there. */
  readonly folder: string;
  /** What packages may ask for. */
  readonly limits: PackageLimits;
  /** Why such a configuration may not be added, by its paths; empty when it may. */
  rejectedConfig(config: AddedConfig): readonly string[];
  /** The names of the secrets that a configuration refers to. */
  secretsIn(config: AddedConfig): readonly string[];
  /** With the secrets as they are now. */
  createRuntime(version: VersionToRun): Runtime;
  /** A lane that is not started and gets no events yet. */
  createLane(version: VersionToRun): Promise<Lane>;
  /** How many deliveries of an adapter are not settled, once all that was accepted and recorded before is counted. */
  unsettled(id: string): Promise<number>;
  /** Discards what is not settled of an adapter that has no lane any more; returns how many there were. */
  discardOpen(id: string, reason: string): Promise<number>;
  /** Something happened that operators should know, for the log. */
  report(facts: Readonly<Record<string, unknown>>, text: string): void;
}

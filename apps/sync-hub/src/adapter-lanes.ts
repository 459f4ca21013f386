import type { Acks } from './acks/acks.ts';
import type { AdapterConfig } from './config/config.ts';
import { DEFAULT_WINDOW } from './core/lane.ts';
import type { Journal, StoredBreaker } from './journal/journal.ts';
import type { BreakerReport } from './lanes/breaker.ts';
import { systemClock } from './lanes/clock.ts';
import { Lane } from './lanes/lane.ts';
import type { LaneOptions } from './lanes/lane-options.ts';
import { FailedRuntime } from './runtimes/failed-runtime.ts';
import { InlineRuntime } from './runtimes/inline/inline-runtime.ts';
import { type Manifest, ManifestError } from './runtimes/manifest.ts';
import { createProcessRuntime } from './runtimes/process/process-runtime.ts';
import { createRemoteRuntime } from './runtimes/remote/remote-runtime.ts';
import type { Runtime, RuntimeStart } from './runtimes/runtime.ts';
import { createAdapterLog, type Log } from './telemetry/log.ts';

/** An event in whose attempts the adapter broke three times is the likely cause. */
const MAX_CRASHES = 3;

/** An adapter that is to get a lane. */
export interface AdapterToRun {
  readonly id: string;
  readonly settings: AdapterConfig;
  /** Undefined: it runs elsewhere. */
  readonly manifest: Manifest | ManifestError | undefined;
  /** Asked before each start: why its package may not be loaded; absent: it always may. */
  readonly fault?: () => Promise<string | undefined>;
}

export interface AdapterLanesOptions {
  readonly journal: Journal;
  readonly log: Log;
  readonly hubVersion: string;
  readonly onHeld: Acks['held'];
  readonly onChange: () => void;
}

/** What the journal has of each adapter, by its id. */
interface Kept {
  readonly totals: ReadonlyMap<string, LaneOptions['totals']>;
  readonly breakers: ReadonlyMap<string, StoredBreaker>;
  readonly pauses: ReadonlyMap<string, LaneOptions['pause']>;
}

/** Part of the composition: makes the lanes of adapters and the runtimes in them, at the start and while the hub runs. */
export class AdapterLanes {
  readonly #options: AdapterLanesOptions;

  constructor(options: AdapterLanesOptions) {
    this.#options = options;
  }

  /** Lanes that go on from what the journal has of their adapters. They are not started. */
  async createLanes(adapters: readonly AdapterToRun[]): Promise<readonly Lane[]> {
    const kept = await this.#readKept();
    return Promise.all(adapters.map((adapter) => this.#create(adapter, kept)));
  }

  /** One of them. */
  async createLane(adapter: AdapterToRun): Promise<Lane> {
    return this.#create(adapter, await this.#readKept());
  }

  createRuntime({ id, settings, manifest, fault }: AdapterToRun): Runtime {
    const { log, hubVersion } = this.#options;
    const { runtime: kind, remote, missing, config } = settings;
    if (manifest instanceof ManifestError) {
      const start = manifest.code === 'NO_COMMON_PROTOCOL' ? 'incompatible' : 'failed';
      return new FailedRuntime(kind, { kind: start, reason: manifest.message });
    }
    if (missing.length > 0) return new FailedRuntime(kind, { kind: 'failed', reason: missing.join('; ') });
    if (remote !== undefined) return createRemoteRuntime({ remote, config, hubVersion });
    if (manifest === undefined) throw new Error(`adapter ${id} has neither a package nor an address`);
    const parts = { manifest, config, log: createAdapterLog(log, manifest) };
    if (kind === 'inline') return new InlineRuntime(parts);
    return createProcessRuntime({ ...parts, hubVersion, ...(fault !== undefined && { fault }) });
  }

  async #create(adapter: AdapterToRun, kept: Kept): Promise<Lane> {
    const { journal, log, onHeld, onChange } = this.#options;
    const { id, settings, manifest } = adapter;
    const found = manifest instanceof ManifestError ? undefined : manifest;
    const lane = new Lane({
      adapter: { id, package: settings.package, version: found?.version ?? '' },
      runtime: this.createRuntime(adapter),
      delivery: settings.delivery,
      rules: {
        retry: settings.retry,
        maxCrashes: MAX_CRASHES,
        onDeadLetter: settings.onDeadLetter,
        window: DEFAULT_WINDOW,
        recoveredToSeq: journal.info.lastSeq,
      },
      breakerPolicy: settings.breaker,
      journal,
      clock: systemClock,
      seed: Math.floor(Math.random() * 2 ** 32),
      newestSeq: journal.info.lastSeq,
      totals: kept.totals.get(id) ?? { unsettled: 0, deadLetters: 0 },
      deadLetters: settings.onDeadLetter === 'hold' ? await journal.readDeadLetterKeys(id) : [],
      pause: kept.pauses.get(id),
      onHeld,
      onChange,
      onRuntimeChange: (start) => logRuntime(lane.adapter, start, log),
      onBreakerChange: (breaker) => logBreaker(id, breaker, log),
      onPause: (cause) => log.error({ adapter: id, cause }, 'adapter paused; its deliveries wait'),
    });
    const breaker = kept.breakers.get(id);
    if (breaker !== undefined && breaker.state !== 'closed') lane.restoreBreaker(breaker);
    return lane;
  }

  async #readKept(): Promise<Kept> {
    const { journal } = this.#options;
    const [totals, breakers, lanes] = await Promise.all([
      journal.countDeliveries(),
      journal.readBreakers(),
      journal.readLanes(),
    ]);
    return {
      totals: new Map(totals.map((total) => [total.adapter, total])),
      breakers: new Map(breakers.map((breaker) => [breaker.adapter, breaker])),
      pauses: new Map(lanes.map(({ adapter, pause }) => [adapter, pause])),
    };
  }
}

/** One line when trouble begins and one when it ends; nothing for each attempt in between. */
function logBreaker(adapter: string, { condition, cause, nextProbeAtMs }: BreakerReport, log: Log): void {
  if (condition === 'closed') log.info({ adapter, cause }, 'breaker closed; deliveries flow');
  else if (condition === 'half_open') log.info({ adapter, cause }, 'breaker half open');
  else {
    const nextProbeTime = nextProbeAtMs === undefined ? undefined : new Date(nextProbeAtMs).toISOString();
    log.warn({ adapter, cause, nextProbeTime }, 'breaker open; deliveries wait');
  }
}

/** What became of starting an adapter, at first and again after it ended. */
function logRuntime(adapter: Lane['adapter'], start: RuntimeStart, log: Log): void {
  const facts = { adapter: adapter.id, adapterVersion: adapter.version };
  if (start.kind === 'ready') log.info(facts, 'adapter ready');
  else log.error({ ...facts, state: start.kind, reason: start.reason }, 'adapter does not run; its deliveries wait');
}

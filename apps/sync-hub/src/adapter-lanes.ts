import type { AdapterConfig } from './config/config.ts';
import { DEFAULT_PREFETCH } from './core/lane-state.ts';
import { longestDelayMs } from './core/retry.ts';
import type { Journal } from './journal/journal.ts';
import type { BreakerReport } from './lanes/breaker.ts';
import { systemClock } from './lanes/clock.ts';
import { Lane } from './lanes/lane.ts';
import { FailedRuntime } from './runtimes/failed-runtime.ts';
import { InlineRuntime } from './runtimes/inline/inline-runtime.ts';
import { type Manifest, ManifestError, type PackageLimits, whyNotGranted } from './runtimes/manifest.ts';
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
  /** What packages may ask for. */
  readonly limits: PackageLimits;
  readonly onGateChange: (adapter: string) => void;
  readonly onChange: () => void;
  /** Makes of a runtime the one that the lane gets, where a lane may become another hub's. */
  readonly own?: (adapter: AdapterToRun, runtime: Runtime) => Runtime;
  /** The lane was lost to another hub. */
  readonly onLost?: (adapter: string, epoch: number) => void;
}

/** Part of the composition: makes the lanes of adapters and the runtimes in them, at the start and while the hub runs. */
export class AdapterLanes {
  readonly #options: AdapterLanesOptions;

  constructor(options: AdapterLanesOptions) {
    this.#options = options;
  }

  /**
   * Takes over the lane of an adapter, which continues from what the journal has of it. It is not started.
   *
   * @param epoch with which this hub claimed it, where hubs share the journal
   */
  async createLane(adapter: AdapterToRun, epoch?: number): Promise<Lane> {
    const { journal, log, onGateChange, onChange, onLost } = this.#options;
    const { id, settings, manifest } = adapter;
    const { onDeadLetter, retry } = settings;
    const found = manifest instanceof ManifestError ? undefined : manifest;
    const nowMs = systemClock.monotonicMs();
    const claimed = epoch === undefined ? {} : { epoch };
    const longestWaitMs = longestDelayMs(retry);
    const opened = await journal.openLane({ adapter: id, onDeadLetter, nowMs, longestWaitMs, ...claimed });
    const lane: Lane = new Lane({
      adapter: { id, package: settings.package, version: found?.version ?? '' },
      runtime: this.createRuntime(adapter),
      delivery: settings.delivery,
      rules: { retry, maxCrashes: MAX_CRASHES, prefetch: DEFAULT_PREFETCH },
      holdsKeys: onDeadLetter === 'hold',
      breakerPolicy: settings.breaker,
      journal,
      opened,
      clock: systemClock,
      seed: Math.floor(Math.random() * 2 ** 32),
      onGateChange,
      onChange,
      onRuntimeChange: (start) => logRuntime(lane.adapter, start, log),
      onBreakerChange: (breaker) => logBreaker(id, breaker, log),
      onPause: (cause) => log.error({ adapter: id, cause }, 'adapter paused; its deliveries wait'),
      onLost: () => {
        log.error({ adapter: id }, 'the lane of this adapter was taken over; nothing more is delivered here');
        onLost?.(id, opened.epoch);
      },
    });
    return lane;
  }

  /** However it came here, a package that asks for more than it is granted does not start. */
  createRuntime(adapter: AdapterToRun): Runtime {
    const runtime = this.#createRuntime(adapter);
    return this.#options.own?.(adapter, runtime) ?? runtime;
  }

  #createRuntime({ id, settings, manifest, fault }: AdapterToRun): Runtime {
    const { log, hubVersion, limits } = this.#options;
    const { runtime: kind, remote, missing, config } = settings;
    if (manifest instanceof ManifestError) {
      const start = manifest.code === 'NO_COMMON_PROTOCOL' ? 'incompatible' : 'failed';
      return new FailedRuntime(kind, { kind: start, reason: manifest.message });
    }
    if (missing.length > 0) return new FailedRuntime(kind, { kind: 'failed', reason: missing.join('; ') });
    if (remote !== undefined) return createRemoteRuntime({ remote, config, hubVersion });
    if (manifest === undefined) throw new Error(`adapter ${id} has neither a package nor an address`);
    const notGranted = whyNotGranted(manifest, limits);
    if (notGranted !== undefined) return new FailedRuntime(kind, { kind: 'failed', reason: notGranted });
    const parts = { manifest, config, log: createAdapterLog(log, manifest) };
    if (kind === 'inline') return new InlineRuntime(parts);
    return createProcessRuntime({ ...parts, hubVersion, ...(fault !== undefined && { fault }) });
  }
}

/** One line when trouble begins and one when it ends; nothing for each attempt in between. */
function logBreaker(adapter: string, { condition, cause, nextProbeAtMs }: BreakerReport, log: Log): void {
  if (condition === 'closed') log.info({ adapter, cause }, 'breaker closed; deliveries continue');
  else if (condition === 'half_open') log.info({ adapter, cause }, 'breaker half open');
  else {
    const nextProbeTime = nextProbeAtMs === undefined ? undefined : new Date(nextProbeAtMs).toISOString();
    log.warn({ adapter, cause, nextProbeTime }, 'breaker open; deliveries wait');
  }
}

/** The outcome of starting an adapter, at first and again after it ended. */
function logRuntime(adapter: Lane['adapter'], start: RuntimeStart, log: Log): void {
  const facts = { adapter: adapter.id, adapterVersion: adapter.version };
  if (start.kind === 'ready') log.info(facts, 'adapter ready');
  else log.error({ ...facts, state: start.kind, reason: start.reason }, 'adapter does not run; its deliveries wait');
}

import { create, equals } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type AdapterHealth,
  AdapterHealthSchema,
  AdapterState,
  BreakerSchema,
  BreakerState,
  ClusterHubSchema,
  type Health,
  HealthSchema,
  RecentAttemptsSchema,
} from '@hms-sync/proto/hms/sync/v1/health_service';
import type { VersionsStatus } from '../../installs/adapter-lifecycle.ts';
import type { JournalInfo, JournalStatistics, LaneStatistics } from '../../journal/journal.ts';
import type { BreakerReport } from '../../lanes/breaker.ts';
import type { Lane } from '../../lanes/lane.ts';
import type { LaneHealth } from '../../lanes/lane-health.ts';
import type { LaneSet } from '../../lanes/lane-set.ts';
import { BoundedQueue, QueueOverflow } from '../../queues/bounded-queue.ts';
import { throwIfStopping } from '../hub-stop.ts';
import { deliveryError } from '../publishing/ack-message.ts';
import { RequestError, tooManyAtOnce } from '../request-error.ts';
import type { ClusterHealth } from './cluster-health.ts';

export interface HealthFeedOptions {
  readonly version: string;
  readonly startedAtMs: number;
  readonly journal: { readonly info: JournalInfo; readStatistics(): Promise<JournalStatistics> };
  readonly lanes: LaneSet;
  /** What there is of an adapter beside the version that runs; absent: nothing is reported of it. */
  readonly versions?: (id: string) => VersionsStatus;
  /** Where hubs share the journal. */
  readonly cluster?: ClusterHealth | undefined;
  /** Why events are not accepted; empty when they are. */
  readonly notAcceptingReason: () => string;
  /** What else is not well, of which its owner has the log. */
  readonly moreWarnings?: () => readonly string[];
  /** Gets each warning about the hub when it begins to hold, for the log. */
  readonly onWarning?: (warning: string) => void;
}

/** Counts change all the time; once a second is what an operator can read. */
const READ_EVERY_MS = 1_000;
/** A watcher gets a message from the hub at least every 10 s, and so knows that it lives; one read is kept in reserve. */
const SEND_EVERY_MS = 10_000 - READ_EVERY_MS;
/** A watcher with this many changes unread has stopped reading. */
const UNREAD_MAX = 256;
/** Each change is written for each of them: a thousand take a tenth of a second. */
export const WATCHES_MAX = 1_024;

const ADAPTER_STATES: Readonly<Record<LaneHealth['state'], AdapterState>> = {
  starting: AdapterState.STARTING,
  ready: AdapterState.READY,
  paused: AdapterState.PAUSED,
  failed: AdapterState.FAILED,
  incompatible: AdapterState.INCOMPATIBLE,
  draining: AdapterState.DRAINING,
};

const BREAKER_STATES: Readonly<Record<BreakerReport['condition'], BreakerState>> = {
  closed: BreakerState.CLOSED,
  open: BreakerState.OPEN,
  half_open: BreakerState.HALF_OPEN,
};

/** The status of the hub and its adapters, for those who ask and those who watch. */
export class HealthFeed {
  readonly #options: HealthFeedOptions;
  readonly #watchers = new Set<BoundedQueue<Health>>();
  #statistics: JournalStatistics = { sizeBytes: 0, commitLatencyMs: undefined, lanes: [] };
  /** A read that has not begun, for all who ask until then. */
  #nextRead: Promise<void> | undefined;
  #lastRead: Promise<void> = Promise.resolve();
  #lastSent: Health | undefined;
  #lastSentAtMs = 0;
  #warned: ReadonlySet<string> = new Set();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HealthFeedOptions) {
    this.#options = options;
  }

  /** Begins to read the counts once a second. */
  async start(): Promise<void> {
    await this.#look();
    this.#timer = setInterval(() => void this.#look(), READ_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const watcher of this.#watchers) watcher.close();
  }

  /** The status now, with counts that are read from the journal first. */
  async read(): Promise<Health> {
    await this.#read();
    return this.now();
  }

  /** The status now; its counts were read at most about a second ago. */
  now(): Health {
    const { version, startedAtMs, journal, cluster, notAcceptingReason } = this.#options;
    const { moreWarnings = () => [] } = this.#options;
    const { sizeBytes, commitLatencyMs } = this.#statistics;
    const adapters = this.#adapters();
    const reason = notAcceptingReason();
    return create(HealthSchema, {
      hub: {
        version,
        startTime: timestampFromMs(startedAtMs),
        accepting: reason === '',
        notAcceptingReason: reason,
        adapterIsolation: 'none',
        name: cluster?.name ?? '',
        warnings: [...this.#hubWarnings(adapters), ...moreWarnings()],
        journal: {
          location: journal.info.location,
          sizeBytes: BigInt(sizeBytes),
          ...(commitLatencyMs !== undefined && { commitLatency: durationFromMicroseconds(commitLatencyMs) }),
        },
      },
      adapters: [...adapters],
      hubs: [...(cluster?.hubs() ?? [])],
    });
  }

  /** A state or a breaker changed: each such change goes to every watcher, however soon the next follows. Its counts are
   * corrected within a second. */
  changed(): void {
    this.#save();
    if (this.#watchers.size > 0) this.#send(this.now());
  }

  /**
   * The status now, then again on each change and at least every 10 s, until the signal aborts.
   *
   * @throws {RequestError} READER_TOO_SLOW; HUB_STOPPING; TOO_MANY_AT_ONCE
   */
  async *watch(signal: AbortSignal): AsyncGenerator<Health, void> {
    if (this.#watchers.size >= WATCHES_MAX) {
      throw tooManyAtOnce(`${WATCHES_MAX} watch the health already; come back when one has left`);
    }
    const queue = new BoundedQueue<Health>({ capacity: UNREAD_MAX, signal });
    this.#watchers.add(queue);
    try {
      const first = await this.read();
      // While nobody else watched nothing was sent, so this is what the next one is compared with.
      if (this.#watchers.size === 1) this.#remember(first);
      yield first;
      for (;;) {
        const healths = await queue.drain();
        if (healths.length === 0) return throwIfStopping(signal);
        yield* healths;
      }
    } catch (error) {
      if (!(error instanceof QueueOverflow)) throw error;
      throw new RequestError('READER_TOO_SLOW', 'the health was not read in time; watch it again');
    } finally {
      this.#watchers.delete(queue);
    }
  }

  async #look(): Promise<void> {
    await this.#read();
    this.#save();
    this.#warn();
    if (this.#watchers.size === 0) return;
    const health = this.now();
    const isOverdue = performance.now() - this.#lastSentAtMs >= SEND_EVERY_MS;
    if (isOverdue || this.#lastSent === undefined || !isSameStatus(health, this.#lastSent)) this.#send(health);
  }

  /** For the other hubs, which count for themselves what waits. */
  #save(): void {
    this.#options.cluster?.save(
      this.#own().map(({ oldestUnsettledAge: _, ...rest }) =>
        create(AdapterHealthSchema, { ...rest, waiting: 0n, deadLetters: 0n }),
      ),
    );
  }

  /** Of those that run here. */
  #own(): readonly AdapterHealth[] {
    return [...this.#options.lanes].map((lane) =>
      toAdapterHealth(lane, {
        versions: this.#options.versions?.(lane.adapter.id),
        counts: this.#countsOf(lane.adapter.id),
      }),
    );
  }

  #adapters(): readonly AdapterHealth[] {
    const own = this.#own();
    const { cluster } = this.#options;
    if (cluster === undefined) return own;
    return cluster
      .adapters(own)
      .map((health) => create(AdapterHealthSchema, { ...health, ...waitingOf(this.#countsOf(health.id)) }));
  }

  #countsOf(id: string): LaneStatistics | undefined {
    return this.#statistics.lanes.find(({ adapter }) => adapter === id);
  }

  #hubWarnings(adapters: readonly AdapterHealth[]): readonly string[] {
    // Of all that have a lane, one that is being removed too.
    return hubWarnings(
      adapters.map(({ id }) => id),
      this.#statistics.lanes,
    );
  }

  /** One read at a time, however many ask: those who ask while one runs share the next. */
  #read(): Promise<void> {
    const { journal, cluster } = this.#options;
    this.#nextRead ??= this.#lastRead.then(async () => {
      this.#nextRead = undefined;
      const [statistics] = await Promise.all([journal.readStatistics().catch(() => this.#statistics), cluster?.read()]);
      this.#statistics = statistics;
    });
    this.#lastRead = this.#nextRead;
    return this.#nextRead;
  }

  #warn(): void {
    const { onWarning } = this.#options;
    // The same one with another count is no other one.
    const warnings = new Map(
      this.#hubWarnings(this.#adapters()).map((text) => [text.replace(/^\d+ \w+ waits? /, ''), text]),
    );
    for (const [what, text] of warnings) if (!this.#warned.has(what)) onWarning?.(text);
    this.#warned = new Set(warnings.keys());
  }

  #send(health: Health): void {
    this.#remember(health);
    for (const watcher of this.#watchers) watcher.push(health);
  }

  #remember(health: Health): void {
    this.#lastSent = health;
    this.#lastSentAtMs = performance.now();
  }
}

/** Sizes, latencies and ages change without anything having happened. */
function isSameStatus(a: Health, b: Health): boolean {
  return equals(HealthSchema, withoutMeasures(a), withoutMeasures(b));
}

function withoutMeasures(health: Health): Health {
  const adapters = health.adapters.map((adapter) => {
    const { oldestUnsettledAge: _age, ...rest } = adapter;
    return create(AdapterHealthSchema, rest);
  });
  const { journal: _journal, ...hub } = health.hub ?? {};
  const hubs = health.hubs.map(({ lastBeatTime: _beat, ...rest }) => create(ClusterHubSchema, rest));
  return create(HealthSchema, { hub, adapters, hubs });
}

interface KnownOfAdapter {
  readonly versions: VersionsStatus | undefined;
  readonly counts: LaneStatistics | undefined;
}

function toAdapterHealth(lane: Lane, { versions, counts }: KnownOfAdapter) {
  const health = lane.health();
  const { canary } = health;
  return create(AdapterHealthSchema, {
    id: lane.adapter.id,
    package: lane.adapter.package,
    version: lane.adapter.version,
    runtime: lane.runtimeKind,
    state: ADAPTER_STATES[health.state],
    reason: health.reason,
    breaker: toBreaker(health.breaker),
    recent: toRecent(health.breaker.recent),
    ...waitingOf(counts),
    inFlight: health.inFlight,
    waitingBehindDeadLetters: BigInt(health.holdsKeys ? (counts?.behindDeadLetters ?? 0) : 0),
    previousVersion: versions?.previous ?? '',
    notice: versions?.notice ?? '',
    ...(health.throttledUntilMs !== undefined && { throttledUntilTime: wholeSeconds(health.throttledUntilMs) }),
    ...(canary !== undefined && {
      canary: { ...canary, attempts: BigInt(canary.attempts), failures: BigInt(canary.failures) },
    }),
  });
}

/** What waits in the journal, whichever hub runs the adapter. */
function waitingOf(counts: LaneStatistics | undefined) {
  return {
    waiting: BigInt(counts?.unsettled ?? 0),
    ...(counts?.oldestAcceptedAtMs !== undefined && {
      oldestUnsettledAge: durationFromMs(Math.max(0, Math.round(Date.now() - counts.oldestAcceptedAtMs))),
    }),
    deadLetters: BigInt(counts?.deadLetters ?? 0),
  };
}

function toBreaker(breaker: BreakerReport) {
  const { condition, sinceMs, cause, calls, failures, nextProbeAtMs, lastFailure } = breaker;
  return create(BreakerSchema, {
    state: BREAKER_STATES[condition],
    since: timestampFromMs(sinceMs),
    cause,
    calls,
    failures,
    ...(nextProbeAtMs !== undefined && { nextProbeTime: timestampFromMs(nextProbeAtMs) }),
    ...(lastFailure !== undefined && { lastError: deliveryError(lastFailure.kind, lastFailure) }),
  });
}

function toRecent({ attempts, failures, lastFailure }: BreakerReport['recent']) {
  return create(RecentAttemptsSchema, {
    attempts: BigInt(attempts),
    failures: BigInt(failures),
    ...(lastFailure !== undefined && {
      lastError: deliveryError(lastFailure.kind, lastFailure),
      lastErrorTime: timestampFromMs(lastFailure.atMs),
    }),
  });
}

/** The two clocks drift by milliseconds, and that is not reported each second. */
function wholeSeconds(ms: number) {
  return timestampFromMs(Math.round(ms / 1_000) * 1_000);
}

/** A commit takes a fraction of a millisecond, which durationFromMs would refuse. */
function durationFromMicroseconds(milliseconds: number) {
  const microseconds = Math.round(milliseconds * 1_000);
  return { seconds: BigInt(Math.floor(microseconds / 1e6)), nanos: (microseconds % 1e6) * 1_000 };
}

/**
 * What is not well although the hub accepts events, a sentence each with what to do.
 *
 * @param adapters the ids of those that have a lane
 * @param lanes of all that ever had a delivery
 */
export function hubWarnings(adapters: readonly string[], lanes: readonly LaneStatistics[]): readonly string[] {
  const nobody =
    'no adapters are configured: events are accepted and delivered to nobody; add one (hms-sync adapter add --help), ' +
    'or name it in hms-sync.yaml';
  const unknown = lanes.filter(({ adapter, unsettled }) => unsettled > 0 && !adapters.includes(adapter));
  return [
    ...(adapters.length === 0 ? [nobody] : []),
    ...unknown.map(({ adapter, unsettled }) => {
      const who = unsettled === 1 ? '1 delivery waits' : `${unsettled} deliveries wait`;
      return `${who} for "${adapter}", which is not configured: add it again, name it in hms-sync.yaml, or discard what waits: hms-sync delivery discard --adapter ${adapter} --reason '<why>'`;
    }),
  ];
}

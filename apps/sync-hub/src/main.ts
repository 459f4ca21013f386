import { readFileSync } from 'node:fs';
import { Acks } from './acks/acks.ts';
import { type AdapterConfig, type Config, loadConfig } from './config/config.ts';
import { DEFAULT_WINDOW } from './core/lane.ts';
import { Cursors } from './edges/cursor.ts';
import { createHealthzRoute } from './edges/http/healthz-route.ts';
import { createSyncRoute } from './edges/http/sync-route.ts';
import { Intake } from './edges/intake.ts';
import { listen } from './edges/listener.ts';
import { REQUEST_BUDGET, RequestBudget } from './edges/request-budget.ts';
import { createRouter } from './edges/router.ts';
import { EventFeed } from './edges/rpc/event-feed.ts';
import { HealthFeed } from './edges/rpc/health-feed.ts';
import { exitBecause, onStopRequest } from './exit.ts';
import { HELP, parseFlags } from './flags.ts';
import type { Journal } from './journal/journal.ts';
import { openSqliteJournal } from './journal/sqlite/sqlite-journal.ts';
import type { BreakerReport } from './lanes/breaker.ts';
import { systemClock } from './lanes/clock.ts';
import { Lane } from './lanes/lane.ts';
import { Lanes } from './lanes/lanes.ts';
import { MemoryKeeper, processMemory } from './memory-keeper.ts';
import { Operations } from './operations/operations.ts';
import type { OperatorChange } from './operations/operator-change.ts';
import { FailedRuntime } from './runtimes/failed-runtime.ts';
import { type FoundAdapter, findAdapters } from './runtimes/find-adapters.ts';
import { InlineRuntime } from './runtimes/inline/inline-runtime.ts';
import { ManifestError } from './runtimes/manifest.ts';
import { createProcessRuntime } from './runtimes/process/process-runtime.ts';
import { createRemoteRuntime } from './runtimes/remote/remote-runtime.ts';
import type { Runtime, RuntimeStart } from './runtimes/runtime.ts';
import { createAdapterLog, createLog, type Log } from './telemetry/log.ts';

/** The composition root: the only file that wires the hub's rooms together. */

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Kubernetes gives 30 s by default; ten of them are left for what comes before and after. */
const DRAIN_MS = 20_000;
/** An event in whose attempts the adapter broke three times is the likely cause. */
const MAX_CRASHES = 3;

await run(process.argv.slice(2));

async function run(args: readonly string[]): Promise<void> {
  try {
    const flags = parseFlags(args);
    if (flags.help) return void process.stdout.write(HELP);
    if (flags.version) return void process.stdout.write(`${version}\n`);
    const config = await loadConfig({ file: flags.config, env: process.env, flags });
    await startHub(config, createLog(config.logLevel));
  } catch (error) {
    exitBecause(error);
  }
}

async function startHub(config: Config, log: Log): Promise<void> {
  const adapters = await findAdapters(config.adapters, config.folder);

  // The journal tells its observer of commits; lanes and acks exist by the time there is a first one.
  let lanes = new Lanes([]);
  let acks: Acks | undefined;
  let operations: Operations | undefined;
  const journal = await openSqliteJournal({
    folder: config.dataDir,
    observer: {
      accepted: (events) => {
        lanes.accepted(events);
        operations?.accepted(events);
      },
      // Told before the lanes act on it: what they tell in turn comes after.
      recorded: (records) => {
        acks?.recorded(records);
        operations?.recorded(records);
        lanes.recorded(records);
      },
      reopened: (deliveries) => lanes.reopened(deliveries),
    },
    // What was told is on disk, what was not is unknown; a restart finds out.
    onFatal: (error) => {
      log.fatal({ err: error }, 'the hub cannot go on');
      exitBecause(error);
    },
  });
  acks = new Acks({ journal, lastCursor: journal.info.lastCursor });
  const tellHeld = acks.held.bind(acks);
  let onHealthChange: () => void = () => undefined;
  lanes = new Lanes(await createLanes({ adapters, journal, log, onHeld: tellHeld, onChange: () => onHealthChange() }));

  operations = new Operations({
    journal,
    lanes,
    clock: systemClock,
    lastCursor: () => acks?.lastCursor ?? 0,
    settledMs: config.settledMs,
    onReport: (facts, text) => log.info(facts, text),
  });

  const intake = new Intake({
    journal,
    adapters: adapters.map(({ id }) => id),
    eventBytesMax: config.eventBytesMax,
    wallMs: systemClock.wallMs,
  });
  const cursors = new Cursors(journal.info.id);
  const shared = { journal, acks, lanes, cursors, wallMs: systemClock.wallMs };
  const sync = {
    ...shared,
    intake,
    feed: new EventFeed(shared),
    onFault: (error: unknown) => log.error({ err: error }, 'a request failed by a fault of the hub'),
  };
  const notAcceptingReason = () => intake.notAcceptingReason;
  const health = new HealthFeed({
    version,
    startedAtMs: systemClock.wallMs(),
    journal,
    lanes,
    notAcceptingReason,
  });
  onHealthChange = () => health.changed();
  const { finder, discards, jobs, tail } = operations;
  const admin = {
    ...shared,
    ...{ finder, discards, jobs, tail },
    journalId: journal.info.id,
    onChange: (change: OperatorChange) => log.info(change, 'changed by a person'),
  };
  const routes = [createSyncRoute(sync), createHealthzRoute(notAcceptingReason)];
  const budget = new RequestBudget(REQUEST_BUDGET);
  const router = budget.wrap(createRouter({ sync, health, admin, routes }));
  const listener = await listen(config.listen, router).catch(async (error) => {
    await journal.close();
    throw error;
  });
  await health.start();
  // Adapters start behind the open port: one that hangs must not keep the hub from accepting for the others.
  void lanes.start();
  await operations.start();

  const memory = new MemoryKeeper(processMemory());
  onStopRequest(async (why) => {
    log.info({ why }, 'stopping');
    intake.stop();
    memory.stop();
    health.changed();
    await operations.stop();
    await lanes.drain(DRAIN_MS);
    health.stop();
    await listener.close(1_000);
    budget.close();
    await lanes.close();
    await journal.close();
    log.info('stopped');
  });

  const address = `http://${listener.host.includes(':') ? `[${listener.host}]` : listener.host}:${listener.port}`;
  log.info({ address, dataDir: config.dataDir, version }, 'ready');
  if (adapters.length === 0) log.warn('no adapters are configured: events are kept and delivered to nobody');
  process.stdout.write(`${JSON.stringify({ ready: true, address, pid: process.pid, version })}\n`);
}

interface LaneNeeds {
  readonly adapters: readonly FoundAdapter<AdapterConfig>[];
  readonly journal: Journal;
  readonly log: Log;
  readonly onHeld: Acks['held'];
  readonly onChange: () => void;
}

async function createLanes({ adapters, journal, log, onHeld, onChange }: LaneNeeds): Promise<Lane[]> {
  const totals = new Map((await journal.countDeliveries()).map((total) => [total.adapter, total]));
  const breakers = new Map((await journal.readBreakers()).map((breaker) => [breaker.adapter, breaker]));
  const pauses = new Map((await journal.readLanes()).map(({ adapter, pause }) => [adapter, pause]));
  const create = async (adapter: FoundAdapter<AdapterConfig>) => {
    const { id, named: config, manifest } = adapter;
    const found = manifest instanceof ManifestError ? undefined : manifest;
    const identity = { id, package: config.package, version: found?.version ?? '' };
    const lane = new Lane({
      adapter: identity,
      runtime: createRuntime(adapter, log),
      delivery: config.delivery,
      rules: {
        retry: config.retry,
        maxCrashes: MAX_CRASHES,
        onDeadLetter: config.onDeadLetter,
        window: DEFAULT_WINDOW,
        recoveredToSeq: journal.info.lastSeq,
      },
      breakerPolicy: config.breaker,
      journal,
      clock: systemClock,
      seed: Math.floor(Math.random() * 2 ** 32),
      newestSeq: journal.info.lastSeq,
      totals: totals.get(id) ?? { unsettled: 0, deadLetters: 0 },
      deadLetters: config.onDeadLetter === 'hold' ? await journal.readDeadLetterKeys(id) : [],
      pause: pauses.get(id),
      onHeld,
      onChange,
      onRuntimeChange: (start) => logRuntime(identity, start, log),
      onBreakerChange: (breaker) => logBreaker(id, breaker, log),
      onPause: (cause) => log.error({ adapter: id, cause }, 'adapter paused; its deliveries wait'),
    });
    const stored = breakers.get(id);
    if (stored !== undefined && stored.state !== 'closed') {
      lane.restoreBreaker(stored);
    }
    return lane;
  };
  return Promise.all(adapters.map(create));
}

function createRuntime({ id, named: config, manifest }: FoundAdapter<AdapterConfig>, log: Log): Runtime {
  const { runtime: kind, remote, missing } = config;
  if (manifest instanceof ManifestError) {
    const start = manifest.code === 'NO_COMMON_PROTOCOL' ? 'incompatible' : 'failed';
    return new FailedRuntime(kind, { kind: start, reason: manifest.message });
  }
  if (missing.length > 0) return new FailedRuntime(kind, { kind: 'failed', reason: missing.join('; ') });
  if (remote !== undefined) return createRemoteRuntime({ remote, config: config.config, hubVersion: version });
  if (manifest === undefined) throw new Error(`adapter ${id} has neither a package nor an address`);
  const parts = { manifest, config: config.config, log: createAdapterLog(log, manifest) };
  return kind === 'inline' ? new InlineRuntime(parts) : createProcessRuntime({ ...parts, hubVersion: version });
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

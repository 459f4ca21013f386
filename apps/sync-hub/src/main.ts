import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Authenticator } from './access/authenticator.ts';
import { CallerLimits } from './access/caller-limits.ts';
import { ClientCertificates } from './access/client-certificate.ts';
import { CountPerMinute } from './access/count-per-minute.ts';
import { FileTokens } from './access/file-tokens.ts';
import { JwtVerifier } from './access/jwt.ts';
import { TokenFile } from './access/token-file.ts';
import { Tokens } from './access/tokens.ts';
import { Acks } from './acks/acks.ts';
import { AdapterLanes, type AdapterToRun } from './adapter-lanes.ts';
import { AuditLog } from './audit/audit-log.ts';
import type { AuditEntry } from './audit/audit-record.ts';
import { RefusedCredentials } from './audit/refused-credentials.ts';
import { addedAdapter, type Config, loadConfig, rejectedConfig } from './config/config.ts';
import { ConfigReload } from './config/config-reload.ts';
import { referencesIn } from './config/references.ts';
import { findConfigured } from './configured-adapters.ts';
import { Cursors } from './edges/cursor.ts';
import { connectionBounds } from './edges/door/connections.ts';
import { createIdentify } from './edges/door/identify.ts';
import { listen, listenOnSocket, requireFree } from './edges/door/listener.ts';
import { REQUEST_BUDGET, RequestBudget } from './edges/door/request-budget.ts';
import { TrustedAddresses } from './edges/door/trusted-addresses.ts';
import { createHealthzRoute } from './edges/http/healthz-route.ts';
import { createSyncRoute } from './edges/http/sync-route.ts';
import { HubStop } from './edges/hub-stop.ts';
import { Intake } from './edges/publishing/intake.ts';
import { Publishing } from './edges/publishing/publishing.ts';
import { createRouter } from './edges/router.ts';
import type { OperatorChange } from './edges/rpc/admin-deps.ts';
import { ClusterHealth } from './edges/rpc/cluster-health.ts';
import { HealthFeed } from './edges/rpc/health-feed.ts';
import { exitBecause, onStopRequest } from './exit.ts';
import { hubName } from './files/hub-name.ts';
import { requirePrivate, requireSafeParents } from './files/private-folder.ts';
import { FlagError, HELP, parseFlags } from './flags.ts';
import { reloadByHangUp } from './hang-up.ts';
import { IdleGc, processMemory } from './idle-gc.ts';
import { AdapterLifecycle } from './installs/adapter-lifecycle.ts';
import { AdapterStore } from './installs/adapter-store.ts';
import type { VersionToRun } from './installs/lifecycle-deps.ts';
import { noticeOf } from './installs/read-installed.ts';
import { atTheLatest, systemClock } from './lanes/clock.ts';
import { LaneSet } from './lanes/lane-set.ts';
import { openJournal } from './open-journal.ts';
import { Backups } from './operations/backups.ts';
import { Operations } from './operations/operations.ts';
import { socketsHome } from './runtimes/process/orphan-guard.ts';
import type { Runtime } from './runtimes/runtime.ts';
import type { SharedLanes } from './shared-lanes.ts';
import { createLog, type Log } from './telemetry/log.ts';
import { RejectedConnections } from './telemetry/rejected-connections.ts';
import { TlsFiles } from './tls/tls-files.ts';

/** The composition root: the only file that wires the hub's parts together. */

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Kubernetes gives 30 s by default; ten of them are left for what comes before and after. */
const DRAIN_MS = 20_000;
/** How long clients have to read their last answers. */
const ANSWERS_MS = 5_000;
/** Of one address: more are no slip. */
const WRONG_CREDENTIALS_PER_MINUTE = 20;

const isRoot = process.getuid?.() === 0;
const AUTH_WORDS = { nobody: 'tokens', anonymous: 'dev', everybody: 'none' } as const;
const OPEN_TO_ALL = 'auth: none: every process of this machine is an administrator of this hub';
const AS_ROOT = 'the hub runs as root, and so does every adapter';
const NOT_AS_ROOT =
  'the hub does not run as root, because every adapter would; start it as a user of its own, such as by User= of its systemd unit ' +
  '(docs/security.md has one), or with --allow-root where there is no other user';
const NO_TOKENS =
  'nobody can call this hub over TCP yet: make a token with hms-sync token create hms-api --role publisher';

await run(process.argv.slice(2));

async function run(args: readonly string[]): Promise<void> {
  try {
    const flags = parseFlags(args);
    if (flags.help) return void process.stdout.write(HELP);
    if (flags.version) return void process.stdout.write(`${version}\n`);
    // Whatever it makes, and whatever npm and adapters make, is for this user alone.
    process.umask(0o077);
    const load = () => loadConfig({ file: flags.config, env: process.env, flags });
    const config = await load();
    if (isRoot && !flags.dev && !flags.allowRoot) throw new FlagError(NOT_AS_ROOT);
    await startHub(config, { load, log: createLog(config.logLevel), newJournal: flags.newJournal });
  } catch (error) {
    exitBecause(error);
  }
}

interface StartOptions {
  /** Reads the configuration again, as it was read for this start. */
  readonly load: () => Promise<Config>;
  readonly log: Log;
  readonly newJournal: boolean;
}

async function startHub(config: Config, { load, log, newJournal }: StartOptions): Promise<void> {
  // Before anything of it is read: what others may write there is not the hub's.
  requirePrivate(config.dataDir, ['adapters', 'adapters/adapters.lock', 'audit']);
  requirePrivate(config.backupsFolder);
  requireSafeParents(join(socketsHome(), 'sockets'));
  const store = await AdapterStore.open(join(config.dataDir, 'adapters'));
  const adapters = await findConfigured(config, store);
  // Before anything is written: wrong files or a wrong address leave no data folder behind.
  const tls =
    typeof config.tls === 'object'
      ? await TlsFiles.open(config.tls, { report: (level, text) => log[level](text) })
      : undefined;
  await requireFree(config.listen);

  const { journal, hubs, tokenStore } = await openJournal(config, { log, newJournal });
  const clock = systemClock;
  const { wallMs } = clock;
  // After the journal, which locks the folder.
  const tokens = await Tokens.open(tokenStore ?? new TokenFile(config.dataDir), wallMs);
  const audit = await AuditLog.open({
    dataDir: config.dataDir,
    hub: hubName(config.dataDir),
    keepDays: config.auditKeepDays,
    wallMs,
    onCheckpoint: (checkpoint) => log.info({ checkpoint }, 'audit checkpoint'),
    onTrouble: (problem) => log.error(problem),
  });
  const refused = new RefusedCredentials(audit, wallMs);
  const fileTokens = new FileTokens(config.auth.tokens);
  const jwts = new JwtVerifier(config.auth.jwt);
  const certificates = new ClientCertificates(config.auth.mtls);
  const proxies = config.trustedProxies && new TrustedAddresses(config.trustedProxies);
  const callers = config.callers && new TrustedAddresses(config.callers);
  const reload = new ConfigReload({
    started: config,
    load,
    report: (level, text) => log[level](text),
    ...{ tokens: fileTokens, jwt: jwts, mtls: certificates, tls },
    proxies: {
      replace: (next) => {
        if (next.trustedProxies !== undefined) proxies?.replace(next.trustedProxies);
        if (next.callers !== undefined) callers?.replace(next.callers);
      },
    },
  });
  const authenticator = new Authenticator({
    withoutCredential: config.auth.withoutCredential,
    token: (text) => fileTokens.principalOf(text) ?? tokens.principalOf(text),
    jwt: (text, certificate) => jwts.verify(text, certificate),
  });
  const changes = new EventEmitter<{ change: [] }>();
  const lanes: LaneSet = new LaneSet(
    [],
    (receivers) => {
      // A journal that ended reports that to the hub. Where hubs share it, a lane here or there makes no difference.
      if (hubs === undefined) journal.setReceivers(receivers).catch(() => undefined);
    },
    (adapter) => (clusterHealth === undefined ? 'not_ready' : clusterHealth.heldBy(adapter)),
  );
  const acks = new Acks({ journal, gates: lanes, wallMs });
  const operations = new Operations({
    journal,
    lanes,
    clock,
    place: () => acks.place,
    settledMs: config.settledMs,
    hub: hubs && hubName(config.dataDir),
    write: ({ level, facts, text }) => log[level](facts, text),
  });
  journal.subscribe({
    committed: (commit) => {
      // Reported before the lanes act on it: what they cause in turn comes after.
      acks.committed(commit);
      operations.committed(commit);
      lanes.committed(commit);
    },
    // The session is the process: what was reported is on disk, what was not is unknown, and a restart finds out.
    ended: (error) => {
      log.fatal({ err: error }, 'the hub cannot continue');
      exitBecause(error);
    },
  });
  const adapterLanes = new AdapterLanes({
    journal,
    log,
    hubVersion: version,
    limits: config.adapterPolicy,
    onGateChange: (adapter) => acks.gateChanged(adapter),
    onChange: () => changes.emit('change'),
    ...(hubs !== undefined && {
      own: (adapter: AdapterToRun, runtime: Runtime) => sharedLanes?.own(adapter, runtime) ?? runtime,
      onLost: (adapter: string, epoch: number) => sharedLanes?.membership.lost(adapter, epoch),
    }),
  });
  const named = new Map(adapters.flatMap(({ id, named }) => (named.isAdded ? [] : [[id, named]])));
  const toRun = (version: VersionToRun): AdapterToRun => {
    const added = { package: version.manifest?.package ?? '', config: version.config ?? {} };
    return { ...version, settings: named.get(version.id)?.reload() ?? addedAdapter(added, config) };
  };
  const lifecycle = new AdapterLifecycle({
    store,
    lanes,
    named,
    folder: config.folder,
    limits: config.adapterPolicy,
    rejectedConfig: (own) => rejectedConfig(own, config.adapterPolicy),
    secretsIn: referencesIn,
    createRuntime: (version) => adapterLanes.createRuntime(toRun(version)),
    createLane: (version) => adapterLanes.createLane(toRun(version)),
    unsettled: async (id) => {
      const { lanes: counts } = await journal.readStatistics();
      return counts.find(({ adapter }) => adapter === id)?.unsettled ?? 0;
    },
    discardOpen: (adapter, reason) => {
      const query = { filter: { adapters: [adapter] }, states: ['waiting', 'retrying', 'held'] } as const;
      return operations.discards.run(query, reason, new AbortController().signal);
    },
    report: (facts, text) => log.info(facts, text),
  });
  await store.tidy();
  const toRunFirst = adapters.map(({ id, named: settings, manifest, stored }) => {
    if (stored !== undefined) lifecycle.note(id, noticeOf(stored));
    return { ...(stored === undefined ? { id, manifest } : lifecycle.versionToRun(stored)), settings };
  });
  const { dataDir } = config;
  // Loaded where it is used, see openJournal.
  const sharedLanes: SharedLanes | undefined =
    hubs &&
    new (await import('./shared-lanes.ts')).SharedLanes({
      ...{ hubs, lanes, adapterLanes: () => adapterLanes, adapters: toRunFirst, dataDir, version, drainMs: DRAIN_MS },
      onLeft: exitBecause,
      onChange: () => changes.emit('change'),
    });
  const clusterHealth = sharedLanes && new ClusterHealth(sharedLanes, (adapter) => acks.gateChanged(adapter));
  if (sharedLanes === undefined) for (const adapter of toRunFirst) lanes.add(await adapterLanes.createLane(adapter));
  else {
    await sharedLanes.membership.join();
    await journal.setReceivers(toRunFirst.map(({ id }) => id));
  }

  const { publishLog } = operations;

  const intake = new Intake({
    journal,
    place: () => acks.place,
    eventBytesMax: config.eventBytesMax,
    wallMs,
    nowMs: clock.monotonicMs,
    onAccepted: () => publishLog.accepted(),
    onRejected: (reason) => publishLog.rejected(reason),
  });
  const cursors = new Cursors(journal.info.id);
  const shared = { journal, acks, lanes, cursors, wallMs };
  const limits = new CallerLimits(config.perCaller, clock.monotonicMs);
  const failed = new CountPerMinute(WRONG_CREDENTIALS_PER_MINUTE, clock.monotonicMs);
  const publishing = new Publishing({ ...shared, intake, limits });
  const onFault = (error: unknown) => log.error({ err: error }, 'a request failed by a fault of the hub');
  const notAcceptingReason = () => intake.notAcceptingReason;
  const health = new HealthFeed({
    version,
    startedAtMs: wallMs(),
    journal,
    lanes,
    versions: (id) => lifecycle.status(id),
    cluster: clusterHealth,
    notAcceptingReason,
    moreWarnings: () => [...(tls?.warnings ?? []), ...audit.warnings, ...reload.warnings],
    onWarning: (warning) => log.warn(warning),
  });
  changes.on('change', () => health.changed());
  const backups = new Backups({
    folder: config.backupsFolder,
    journal,
    installed: store,
  });
  const onChange = (change: OperatorChange) => log.info(change, 'changed by an operator');
  const admin = {
    ...shared,
    limits,
    allowedPackages: config.adapterPolicy.allow,
    operations,
    backups,
    lifecycle,
    cluster: sharedLanes,
    onChange,
  };
  const stop = new HubStop();
  const routes = [createSyncRoute({ publishing, stop, onFault }), createHealthzRoute(notAcceptingReason)];
  const budget = new RequestBudget(REQUEST_BUDGET);
  const router = createRouter({
    publishing,
    health,
    admin,
    access: { tokens, reload: () => reload.run(), onChange },
    limits,
    audit,
    refused,
    routes,
    budget,
    stop,
    onFault,
  });
  const rejections = new RejectedConnections(log);
  const untrusted = new RejectedConnections(log);
  const shownBy = { authenticator, failed };
  const socket = await listenOnSocket(config.dataDir, router(createIdentify({ ...shownBy, bySocket: true })));
  const identify = createIdentify({ ...shownBy, bySocket: false, proxies, certificates });
  const listener = await listen(config.listen, router(identify), {
    publicUrls: config.publicUrls,
    connections: connectionBounds(config.connections),
    onRejected: (address) => rejections.note(address),
    onUntrusted: (address, why) => untrusted.note(address, why),
    ...(tls !== undefined && { tls }),
    ...(callers !== undefined && { callers }),
  }).catch(async (error) => {
    await socket.close(0);
    await audit.close();
    await journal.close();
    throw error;
  });
  const auth = AUTH_WORDS[config.auth.withoutCredential];
  const noteInAudit = (entry: AuditEntry) => audit.record(entry).catch(() => undefined);
  await noteInAudit({ event: 'start', target: { version, pid: process.pid, auth } });
  await health.start();
  await operations.start();

  const memory = new IdleGc(processMemory());
  onStopRequest(async (why) => {
    log.info({ why }, 'stopping');
    intake.stop();
    memory.stop();
    tls?.close();
    health.changed();
    await operations.stop();
    if (sharedLanes !== undefined) await atTheLatest(DRAIN_MS, sharedLanes.membership.stop(), clock);
    await lanes.drain(DRAIN_MS);
    // What could be reported was; the others get an error that says why.
    stop.begin();
    health.stop();
    await Promise.all([listener.close(ANSWERS_MS), socket.close(ANSWERS_MS)]);
    tokens.close();
    await refused.close();
    await noteInAudit({ event: 'stop', reason: why });
    await audit.close();
    budget.close();
    await lanes.close();
    await journal.close();
    log.info('stopped');
  });
  process.on('SIGHUP', () => void reloadByHangUp({ reload, audit, log }));
  // Adapters start behind the open port: one that hangs must not keep the hub from accepting for the others. Not before
  // the hub can be asked to stop: until then it just ends.
  if (sharedLanes === undefined) void lanes.start();
  else sharedLanes.membership.start();

  const { host } = config.listen;
  const address = `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${listener.port}`;
  if (auth === 'none') log.warn(OPEN_TO_ALL);
  const hasCallers = [config.auth.tokens, config.auth.jwt, config.auth.mtls].some(({ length }) => length > 0);
  if (auth === 'tokens' && !tokens.hasLive && !hasCallers) log.warn(NO_TOKENS);
  if (isRoot && auth !== 'dev') log.warn(AS_ROOT);
  log.info({ address, dataDir: config.dataDir, version, auth }, 'ready');
  process.stdout.write(`${JSON.stringify({ ready: true, address, pid: process.pid, version, auth })}\n`);
}

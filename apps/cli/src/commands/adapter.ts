import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { PackagePermissions, PackageReview } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { type AdapterHealth, AdapterState } from '@hms-sync/proto/hms/sync/v1/health_service';
import { checkJson, JsonError } from '@hms-sync/proto/json';
import { type Command, InvalidArgumentError } from 'commander';
import { commandLine, hubText, sourceFlag } from '../advice.ts';
import { execNode } from '../exec-node.ts';
import { ExitCode, Failure } from '../failure.ts';
import { requireReason } from '../filter-options.ts';
import { countDeliveries, enumName } from '../format.ts';
import { adapterFacts, adapterJson, adapterLines } from '../health-report.ts';
import { examples } from '../help.ts';
import { addressOption } from '../hub-address.ts';
import { callHub, type HubClient, readHub } from '../hub-client.ts';
import { type JsonOptions, jsonLinesOption, jsonOption } from '../json-options.ts';
import { checkAdaptersProgram } from '../programs.ts';
import { tableLines } from '../table.ts';
import { type Printer, printable, type Terminal } from '../terminal.ts';

interface HubOptions extends JsonOptions {
  address: string;
}

interface ReasonOptions extends HubOptions {
  reason?: string;
}

interface InstallOptions extends HubOptions {
  yes?: true;
}

interface AddOptions extends InstallOptions {
  id?: string;
  config?: string;
}

interface UpgradeOptions extends InstallOptions {
  canary?: number;
  canaryAttempts?: number;
  canaryMinutes?: number;
  allowDowngrade?: true;
}

interface RemoveOptions extends ReasonOptions {
  discard?: true;
}

interface CheckOptions extends JsonOptions {
  config: string;
  dataDir?: string;
}

/** `hms-sync adapter`: list, show, pause, resume, probe, restart, retry, add, upgrade, rollback, remove, check. */
export function addAdapterCommand(program: Command, terminal: Terminal): void {
  const adapter = program
    .command('adapter')
    .description('show, pause, resume, install, upgrade and remove the adapters of a hub')
    .usage('<verb> [options]')
    .helpGroup('Adapters:')
    .commandsGroup('Adapters:');
  const command = (name: string, description: string) =>
    adapter.command(name).description(description).addOption(addressOption()).addOption(jsonOption());
  const commandOfOne = (name: string, description: string) =>
    command(name, description).argument('<adapter>', 'the adapter id');
  const required = ['--reason <text>', 'why, for the record (required)'] as const;
  const optional = ['--reason <text>', 'why, for the record'] as const;
  const unasked = ['--yes', 'install without showing what the package asks for, and without asking'] as const;

  command('list', 'list all adapters with their versions and states')
    .addOption(jsonLinesOption())
    .addHelpText('after', examples('adapter list', 'adapter list --jsonl'))
    .action((options: HubOptions) => list(options, terminal));
  commandOfOne('show', 'show one adapter: its state, queue, breaker and last error')
    .addHelpText('after', examples('adapter show billing'))
    .action((id: string, options: HubOptions) => show(id, options, terminal));
  commandOfOne('pause', 'stop new attempts of an adapter and keep its queue')
    .option(...required)
    .addHelpText('after', examples(`adapter pause billing --reason 'maintenance until six'`))
    .action((id: string, options: ReasonOptions) => pause(id, options, terminal));
  commandOfOne('resume', 'resume an adapter that an operator or the hub paused')
    .option(...required)
    .addHelpText('after', examples(`adapter resume billing --reason 'maintenance is over'`))
    .action((id: string, options: ReasonOptions) => resume(id, options, terminal));
  commandOfOne('probe', 'attempt one delivery now, even if the breaker is open')
    .addHelpText('after', examples('adapter probe billing'))
    .action((id: string, options: HubOptions) => probe(id, options, terminal));
  commandOfOne('retry', 'retry all failed deliveries now, without further delay')
    .option(...optional)
    .addHelpText('after', examples('adapter retry billing'))
    .action((id: string, options: ReasonOptions) => retry(id, options, terminal));
  commandOfOne('restart', 'restart an adapter; it reads its secrets again')
    .option(...optional)
    .addHelpText('after', examples('adapter restart billing'))
    .action((id: string, options: ReasonOptions) => restart(id, options, terminal));
  command('add', 'install an adapter; it gets events published from then on')
    .argument('<package>', '<name>@<version or range>, a tarball or a folder; paths are on the machine of the hub')
    .option('--id <id>', "the adapter's id (default: that of its manifest)")
    .option('--config <json>', `its configuration, with references to secrets: '{"token":"\${LAB_TOKEN}"}'`)
    .option(...unasked)
    .addHelpText(
      'after',
      examples(
        'adapter add @clinic/adapter-lab@^1.2.0',
        `adapter add ./adapter-lab --id lab --config '{"token":"\${LAB_TOKEN}"}'`,
      ),
    )
    .action((wanted: string, options: AddOptions) => add(wanted, options, terminal));
  commandOfOne('upgrade', 'replace an adapter with another version')
    .argument('<version>', 'a version or range, a tarball or a folder')
    .option(
      '--canary <percent>',
      'the new version first gets this share of the keys, such as 10%; it is rolled back if its failure rate exceeds the old one by 10 percentage points',
      parsePercent,
    )
    .option(
      '--canary-attempts <number>',
      'with --canary: it gets all keys after this many attempts (default: 200)',
      parseCount,
    )
    .option('--canary-minutes <number>', 'with --canary: or after this time (default: 10)', parseCount)
    .option('--allow-downgrade', 'allow an older version')
    .option(...unasked)
    .addHelpText('after', examples('adapter upgrade lab ^1.3.0', 'adapter upgrade lab 1.3.0 --canary 10%'))
    .action((id: string, version: string, options: UpgradeOptions) => upgrade(id, version, options, terminal));
  commandOfOne('rollback', 'roll back to the version before the last upgrade')
    .option(...required)
    .addHelpText('after', examples(`adapter rollback lab --reason 'slower than before, INC-1207'`))
    .action((id: string, options: ReasonOptions) => rollback(id, options, terminal));
  commandOfOne('remove', 'remove an adapter that has no undelivered events')
    .option('--discard', 'discard its undelivered events; dead letters are kept')
    .option(...required)
    .addHelpText('after', examples(`adapter remove lab --reason 'the lab closed'`))
    .action((id: string, options: RemoveOptions) => remove(id, options, terminal));
  adapter
    .command('check')
    .description('show which adapter versions a hub would load, and why')
    .option('--config <file>', 'the configuration file', 'hms-sync.yaml')
    .option('--data-dir <folder>', "takes precedence over the file's dataDir and HMS_SYNC_DATA_DIR")
    .addOption(jsonOption())
    .addOption(jsonLinesOption())
    .addHelpText('after', examples('adapter check --config hms-sync.yaml'))
    .action(check);
}

async function list({ address, json, jsonl }: HubOptions, { data }: Terminal): Promise<void> {
  const { health } = await readHub(address, ({ health }) => health.getHealth({}));
  const adapters = health?.adapters ?? [];
  if (json) data.json({ adapters: adapters.map(adapterJson) });
  else if (jsonl) for (const adapter of adapters) data.json(adapterJson(adapter));
  else for (const line of adapterLines(data, adapters, address)) data.line(line);
}

async function show(id: string, { address, json }: HubOptions, { data }: Terminal): Promise<void> {
  const { health } = await readHub(address, ({ health }) => health.getHealth({}));
  const adapters = health?.adapters ?? [];
  const adapter = adapters.find((candidate) => candidate.id === id);
  if (adapter === undefined) {
    const known = adapters.map(({ id }) => printable(id)).join(', ') || 'none';
    throw new Failure(`the hub has no adapter "${printable(id)}"; its adapters: ${known}`, ExitCode.usage);
  }
  if (json) data.json(adapterJson(adapter));
  else for (const line of adapterFacts(data, adapter, { nowMs: Date.now(), address })) data.line(line);
}

async function pause(adapter: string, options: ReasonOptions, { data }: Terminal): Promise<void> {
  const reason = requireReason('adapter pause', options);
  const { wasPaused, formerReason } = await callHub(options.address, ({ admin }) =>
    admin.pauseAdapter({ adapter, reason }),
  );
  if (options.json) {
    data.json({ adapter, paused: true, was_paused: wasPaused, former_reason: formerReason || undefined });
    return;
  }
  const name = printable(adapter);
  if (wasPaused)
    data.line(`${name} was already paused (${printable(formerReason)}); the new reason replaces the old one.`);
  else data.line(`${name} is paused; its deliveries wait in order.`);
  const words = ['adapter', 'resume', adapter, '--reason', 'why it may continue'];
  data.line(`To resume it: ${commandLine(words, options.address)}`);
}

async function resume(adapter: string, options: ReasonOptions, { data }: Terminal): Promise<void> {
  const reason = requireReason('adapter resume', options);
  const { wasPaused, formerReason, health } = await callHub(options.address, async (hub) => ({
    ...(await hub.admin.resumeAdapter({ adapter, reason })),
    health: await healthAfter(hub, adapter),
  }));
  if (options.json) {
    const former = { was_paused: wasPaused, former_reason: formerReason || undefined };
    data.json({ adapter, paused: health?.state === AdapterState.PAUSED, ...former, ...stateJson(health) });
    return;
  }
  const name = printable(adapter);
  data.line(
    wasPaused
      ? `${name} is resumed; it was paused: ${printable(formerReason)}`
      : `${name} was not paused; nothing was changed.`,
  );
  if (health !== undefined) data.line(stateLine(health, options.address));
}

async function probe(adapter: string, options: HubOptions, { data }: Terminal): Promise<void> {
  const { eventId, source, health } = await callHub(options.address, async (hub) => {
    const { eventId, source } = await hub.admin.probeAdapter({ adapter });
    return { eventId, source, health: eventId === '' ? await healthAfter(hub, adapter) : undefined };
  });
  const event = { event_id: eventId || undefined, source: source || undefined };
  if (options.json) data.json({ adapter, ...event, ...stateJson(health) });
  else if (eventId !== '') {
    const show = commandLine(['event', 'show', eventId, ...sourceFlag(source)], options.address);
    data.line(`Attempting ${printable(eventId)}. To see its outcome: ${show}`);
  } else if (health === undefined || acceptsProbes(health.state)) {
    data.line(`${printable(adapter)} has no delivery that can be attempted.`);
  } else {
    data.line(stateLine(health, options.address));
    data.line('It can be probed only when it is READY or PAUSED.');
  }
}

/** The state of the adapter after a change; undefined when the hub does not respond: the change was made anyway. */
async function healthAfter(hub: HubClient, adapter: string): Promise<AdapterHealth | undefined> {
  const { health } = await hub.health.getHealth({}).catch(() => ({ health: undefined }));
  return health?.adapters.find(({ id }) => id === adapter);
}

/** A paused adapter can be probed too. */
function acceptsProbes(state: AdapterState): boolean {
  return state === AdapterState.READY || state === AdapterState.PAUSED;
}

function stateLine({ id, state, reason }: AdapterHealth, address: string): string {
  return `${printable(id)} is ${enumName(AdapterState, state)}${reason === '' ? '.' : `: ${hubText(reason, address)}`}`;
}

function stateJson(health: AdapterHealth | undefined): Record<string, unknown> {
  return health === undefined
    ? {}
    : { state: enumName(AdapterState, health.state), reason: health.reason || undefined };
}

async function add(wanted: string, options: AddOptions, terminal: Terminal): Promise<void> {
  const { data, notes } = terminal;
  const request = { package: located(wanted), id: options.id ?? '', configJson: configJson(options.config) };
  const integrity = await agree('adapter add', options, terminal, ({ admin }) =>
    admin.addAdapter({ ...request, dryRun: true }),
  );
  const added = await callHub(options.address, ({ admin }) => admin.addAdapter({ ...request, integrity }));
  const { adapter, version, warnings } = added;
  if (options.json) {
    data.json({ adapter, version, warnings });
    return;
  }
  data.line(`${printable(adapter)} ${printable(version)} is added; it gets events that are published from now on.`);
  warn(warnings, options.address, notes);
}

async function upgrade(adapter: string, wanted: string, options: UpgradeOptions, terminal: Terminal): Promise<void> {
  const { canary = 0, canaryAttempts = 0, canaryMinutes, allowDowngrade = false } = options;
  if (canary === 0 && (canaryAttempts > 0 || canaryMinutes !== undefined)) {
    throw new Failure('--canary-attempts and --canary-minutes require --canary', ExitCode.usage);
  }
  const request = {
    ...{ adapter, version: located(wanted), allowDowngrade },
    ...{ canaryPercent: canary, canaryAttempts },
    ...(canaryMinutes !== undefined && { canaryTime: durationFromMs(canaryMinutes * 60_000) }),
  };
  const integrity = await agree('adapter upgrade', options, terminal, async ({ admin }) => ({
    adapter,
    ...(await admin.upgradeAdapter({ ...request, dryRun: true })),
  }));
  if (canary > 0 && !options.json) {
    terminal.notes.line(
      `${canary}% of the keys get it first; the hub continues after Ctrl-C. To see the canary: ${commandLine(['adapter', 'list'], options.address)}`,
    );
  }
  const upgraded = await callHub(options.address, ({ admin }) => admin.upgradeAdapter({ ...request, integrity }));
  printVersion(adapter, upgraded, options, terminal);
}

interface Reviewed {
  readonly adapter: string;
  readonly version: string;
  readonly review?: PackageReview | undefined;
}

/**
 * Shows what a package asks for, and asks whether it is to be installed.
 *
 * @returns the integrity of what was agreed to; empty for whatever comes
 * @throws Failure unless the answer is yes
 */
async function agree(
  command: string,
  { yes, address }: InstallOptions,
  { notes, confirm }: Terminal,
  look: (hub: HubClient) => Promise<Reviewed>,
): Promise<string> {
  if (yes) return '';
  if (confirm === undefined) {
    throw new Failure(
      `${command} shows what the package asks for and asks before it installs it, and there is no terminal to answer; to install it without being asked, add --yes`,
      ExitCode.usage,
    );
  }
  const { adapter, version, review } = await readHub(address, look);
  if (review === undefined) {
    throw new Failure('the hub is older than this command: it installed the package without asking', ExitCode.failed);
  }
  const facts = reviewFacts(review);
  for (const line of tableLines(['ADAPTER', printable(adapter)], facts, notes.columns)) notes.line(line);
  if (await confirm(`Install ${adapter} ${version}?`)) return review.integrity;
  throw new Failure('nothing was installed', ExitCode.failed);
}

function reviewFacts({ package: name, origin, memoryMb, permissions, secrets }: PackageReview): [string, string][] {
  return [
    ['PACKAGE', printable(name)],
    ['FROM', printable(origin)],
    ['MEMORY', `at most ${memoryMb} MB`],
    ['MAY', permissions === undefined ? "whatever the hub's user may: it declares no permissions" : may(permissions)],
    ...(secrets.length > 0 ? [['SECRETS', secrets.map(printable).join(', ')] satisfies [string, string]] : []),
  ];
}

function may({ fsRead, fsWrite, childProcess, worker, addons }: PackagePermissions): string {
  return [
    'use the network',
    ...(fsRead.length > 0 ? [`read ${fsRead.map(printable).join(', ')}`] : []),
    ...(fsWrite.length > 0 ? [`write ${fsWrite.map(printable).join(', ')}`] : []),
    ...(childProcess ? ['start programs'] : []),
    ...(worker ? ['start threads'] : []),
    ...(addons ? ['load native add-ons'] : []),
  ].join('; ');
}

async function rollback(adapter: string, options: ReasonOptions, terminal: Terminal): Promise<void> {
  const reason = requireReason('adapter rollback', options);
  const restored = await callHub(options.address, ({ admin }) => admin.rollbackAdapter({ adapter, reason }));
  printVersion(adapter, restored, options, terminal);
}

async function remove(adapter: string, options: RemoveOptions, { data }: Terminal): Promise<void> {
  const reason = requireReason('adapter remove', options);
  const discard = options.discard === true;
  const { discarded } = await callHub(options.address, ({ admin }) =>
    admin.removeAdapter({ adapter, reason, discard }),
  );
  if (options.json) data.json({ adapter, removed: true, ...(discard && { discarded: Number(discarded) }) });
  else if (discard) data.line(`${printable(adapter)} is removed; ${countDeliveries(discarded)} discarded.`);
  else data.line(`${printable(adapter)} is removed.`);
}

async function restart(adapter: string, { address, reason = '', json }: ReasonOptions, terminal: Terminal) {
  const { version, warnings } = await callHub(address, ({ admin }) => admin.restartAdapter({ adapter, reason }));
  if (json) {
    terminal.data.json({ adapter, version, warnings });
    return;
  }
  terminal.data.line(`${[adapter, version].map(printable).join(' ').trim()} was restarted.`);
  for (const warning of warnings) terminal.notes.line(`hms-sync: ${hubText(warning, address)}`);
}

async function retry(adapter: string, { address, reason = '', json }: ReasonOptions, { data }: Terminal) {
  const { retried } = await callHub(address, ({ admin }) => admin.retryAdapter({ adapter, reason }));
  if (json) data.json({ adapter, retried: Number(retried) });
  else if (retried === 0n) data.line(`${printable(adapter)} has no delivery that waits for a retry.`);
  else data.line(`${countDeliveries(retried)} of ${printable(adapter)} will be retried now.`);
}

/** Executes the program of the hub's package that reads the configuration and the installed adapters. */
function check({ config, dataDir, json, jsonl }: CheckOptions): void {
  const folder = dataDir === undefined ? [] : ['--data-dir', resolve(dataDir)];
  const format = json ? ['--json'] : jsonl ? ['--jsonl'] : [];
  const args = ['--config', resolve(config), ...folder, ...format];
  execNode([...process.execArgv, fileURLToPath(checkAdaptersProgram()), ...args]);
}

function printVersion(
  adapter: string,
  { version, warnings }: { version: string; warnings: readonly string[] },
  { json, address }: HubOptions,
  { data, notes }: Terminal,
): void {
  if (json) {
    data.json({ adapter, version, warnings });
    return;
  }
  data.line(`${printable(adapter)} runs ${printable(version)}.`);
  warn(warnings, address, notes);
}

function warn(warnings: readonly string[], address: string, notes: Printer): void {
  for (const warning of warnings) notes.line(`hms-sync: warning of its check: ${hubText(warning, address)}`);
}

/** Checked here too, so that the error names the flag. */
function configJson(given = ''): string {
  try {
    if (given !== '') checkJson(new TextEncoder().encode(given));
    return given;
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new Failure(`--config ${error.message}`, ExitCode.usage);
  }
}

/** Resolves a relative path, because the hub accepts only absolute ones. */
function located(wanted: string): string {
  return /^\.{0,2}\//.test(wanted) || wanted === '.' || wanted === '..' ? resolve(wanted) : wanted;
}

function parsePercent(text: string): number {
  const number = Number(text.replace(/%$/, ''));
  if (!Number.isInteger(number) || number < 1 || number > 99) throw new InvalidArgumentError('Write 1% to 99%.');
  return number;
}

function parseCount(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('Write a whole number above 0.');
  return number;
}

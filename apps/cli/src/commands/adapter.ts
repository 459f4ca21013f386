import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { checkJson, JsonError } from '@hms-sync/proto/json';
import { type Command, InvalidArgumentError } from 'commander';
import { adapterLines } from '../adapter-lines.ts';
import { commandLine, hubText } from '../advice.ts';
import { becomeNode } from '../become-node.ts';
import { ExitCode, Failure } from '../failure.ts';
import { requireReason } from '../filter-options.ts';
import { adapterJson } from '../health-json.ts';
import { addressOption } from '../hub-address.ts';
import { callHub } from '../hub-call.ts';
import { checkAdaptersProgram } from '../programs.ts';
import { printable, type Terminal } from '../terminal.ts';

interface HubOptions {
  address: string;
  json?: true;
}

interface AddOptions extends HubOptions {
  id?: string;
  config?: string;
}

interface UpgradeOptions extends HubOptions {
  canary?: number;
  canaryAttempts?: number;
  canaryMinutes?: number;
  allowDowngrade?: true;
}

interface ReasonOptions extends HubOptions {
  reason?: string;
}

interface RemoveOptions extends ReasonOptions {
  discard?: true;
}

/** Installs, replaces, restarts and removes the adapters of a running hub. */
export function addAdapterCommand(program: Command, terminal: Terminal): void {
  const adapter = program
    .command('adapter')
    .description('install, upgrade, restart and remove adapters, without a restart of the hub');
  const command = (usage: string, description: string) =>
    adapter
      .command(usage)
      .description(description)
      .addOption(addressOption())
      .option('--json', 'print one JSON object');
  command('add', 'install an adapter and give it events from now on')
    .argument(
      '<package>',
      '<name>@<version or range>, a tarball or a folder; paths are meant on the machine of the hub',
    )
    .option('--id <id>', "the adapter's id (default: as its manifest says)")
    .option('--config <json>', `its configuration; secrets by reference: '{"token":"\${LAB_TOKEN}"}'`)
    .action((wanted: string, options: AddOptions) => add(wanted, options, terminal));
  command('list', 'show every adapter, its versions and how it stands').action((options: HubOptions) =>
    list(options, terminal),
  );
  command('upgrade', 'replace a running adapter by another version; what ran runs on when that one does not')
    .argument('<adapter>', 'the adapter id')
    .argument('<version>', 'a version or range, a tarball or a folder')
    .option('--canary <percent>', 'a share of the keys goes first, such as 10%', percent)
    .option('--canary-attempts <number>', 'so many attempts prove the new version (default: 200)', wholeNumber)
    .option(
      '--canary-minutes <number>',
      'after this it takes over unless it failed more often (default: 10)',
      wholeNumber,
    )
    .option('--allow-downgrade', 'also to an older version')
    .action((id: string, version: string, options: UpgradeOptions) => upgrade({ id, version, options, terminal }));
  command('rollback', 'go back to the version before the last upgrade, or end a canary')
    .argument('<adapter>', 'the adapter id')
    .option('--reason <text>', 'why, for the record (required)')
    .action((id: string, options: ReasonOptions) => rollback(id, options, terminal));
  command('remove', 'take an adapter away that has nothing left to deliver')
    .argument('<adapter>', 'the adapter id')
    .option('--discard', 'discard what is not settled with it, in one step; dead letters stay')
    .option('--reason <text>', 'why, for the record (required)')
    .action((id: string, options: RemoveOptions) => remove(id, options, terminal));
  command('restart', 'start one adapter again, with its secrets as they are now; others notice nothing')
    .argument('<adapter>', 'the adapter id')
    .option('--reason <text>', 'why, for the record')
    .action((id: string, options: ReasonOptions) => restart(id, options, terminal));
  command('retry', 'make all deliveries of an adapter that wait for a retry due now')
    .argument('<adapter>', 'the adapter id')
    .option('--reason <text>', 'why, for the record')
    .action((id: string, options: ReasonOptions) => retry(id, options, terminal));
  adapter
    .command('check')
    .description('show what a hub with this configuration would load, and why; asks no hub and changes nothing')
    .option('--config <file>', 'the configuration file', 'hms-sync.yaml')
    .option('--data-dir <folder>', "goes before the file's dataDir and HMS_SYNC_DATA_DIR")
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', '\nExit code: 0 all would load, 1 some would not, 2 wrong configuration.')
    .action(check);
}

async function add(wanted: string, options: AddOptions, { data, notes }: Terminal): Promise<void> {
  const request = { package: located(wanted), id: options.id ?? '', configJson: configJson(options.config) };
  const added = await callHub(options.address, ({ admin }) => admin.addAdapter(request));
  const { adapter, version, warnings } = added;
  if (options.json) {
    data.json({ adapter, version, warnings });
    return;
  }
  data.line(`${printable(adapter)} ${printable(version)} is added; it gets what is published from now on.`);
  warn(warnings, { notes, address: options.address });
}

async function list(options: HubOptions, { data }: Terminal): Promise<void> {
  const { health } = await callHub(options.address, ({ health }) => health.getHealth({}));
  const adapters = health?.adapters ?? [];
  if (options.json) data.json({ adapters: adapters.map(adapterJson) });
  else for (const line of adapterLines(data, adapters, options.address)) data.line(line);
}

async function upgrade(asked: {
  id: string;
  version: string;
  options: UpgradeOptions;
  terminal: Terminal;
}): Promise<void> {
  const { id: adapter, options, terminal } = asked;
  const { canary = 0, canaryAttempts = 0, canaryMinutes, allowDowngrade = false } = options;
  if (canary === 0 && (canaryAttempts > 0 || canaryMinutes !== undefined)) {
    throw new Failure('--canary-attempts and --canary-minutes go with --canary', ExitCode.usage);
  }
  if (canary > 0 && !options.json) {
    terminal.notes.line(
      `${canary}% of the keys go first; Ctrl-C leaves it to the hub. To see it: ${commandLine(['adapter', 'list'], options.address)}`,
    );
  }
  const { version, warnings } = await callHub(options.address, ({ admin }) =>
    admin.upgradeAdapter({
      ...{ adapter, version: located(asked.version), allowDowngrade },
      ...{ canaryPercent: canary, canaryAttempts },
      ...(canaryMinutes !== undefined && { canaryTime: durationFromMs(canaryMinutes * 60_000) }),
    }),
  );
  tellVersion({ adapter, version, warnings, json: options.json, address: options.address }, terminal);
}

async function rollback(adapter: string, options: ReasonOptions, terminal: Terminal): Promise<void> {
  const reason = requireReason('adapter rollback', options);
  const { version, warnings } = await callHub(options.address, ({ admin }) =>
    admin.rollbackAdapter({ adapter, reason }),
  );
  tellVersion({ adapter, version, warnings, json: options.json, address: options.address }, terminal);
}

async function remove(adapter: string, options: RemoveOptions, { data }: Terminal): Promise<void> {
  const reason = requireReason('adapter remove', options);
  const discard = options.discard === true;
  const { discarded } = await callHub(options.address, ({ admin }) =>
    admin.removeAdapter({ adapter, reason, discard }),
  );
  if (options.json) data.json({ adapter, removed: true, ...(discard && { discarded: Number(discarded) }) });
  else if (discard) data.line(`${printable(adapter)} is removed; ${deliveries(discarded)} discarded.`);
  else data.line(`${printable(adapter)} is removed.`);
}

async function restart(adapter: string, { address, reason = '', json }: ReasonOptions, terminal: Terminal) {
  const { version, warnings } = await callHub(address, ({ admin }) => admin.restartAdapter({ adapter, reason }));
  if (json) {
    terminal.data.json({ adapter, version, warnings });
    return;
  }
  terminal.data.line(`${[adapter, version].map(printable).join(' ').trim()} was started again.`);
  for (const warning of warnings) terminal.notes.line(`hms-sync: ${hubText(warning, address)}`);
}

async function retry(adapter: string, { address, reason = '', json }: ReasonOptions, { data }: Terminal) {
  const { retried } = await callHub(address, ({ admin }) => admin.retryAdapter({ adapter, reason }));
  if (json) data.json({ adapter, retried: Number(retried) });
  else if (retried === 0n) data.line(`No delivery of ${printable(adapter)} waited for a retry.`);
  else data.line(`${deliveries(retried)} of ${printable(adapter)} waited for a retry; all of them are due now.`);
}

function deliveries(count: bigint): string {
  return count === 1n ? '1 delivery' : `${count} deliveries`;
}

/** Becomes the program of the hub's package that reads its configuration and its store. */
function check({ config, dataDir, json }: { config: string; dataDir?: string; json?: true }): void {
  const folder = dataDir === undefined ? [] : ['--data-dir', resolve(dataDir)];
  const args = ['--config', resolve(config), ...folder, ...(json ? ['--json'] : [])];
  becomeNode([...process.execArgv, fileURLToPath(checkAdaptersProgram()), ...args]);
}

function tellVersion(
  told: { adapter: string; version: string; warnings: readonly string[]; json: true | undefined; address: string },
  { data, notes }: Terminal,
): void {
  const { adapter, version, warnings, json, address } = told;
  if (json) {
    data.json({ adapter, version, warnings });
    return;
  }
  data.line(`${printable(adapter)} runs ${printable(version)}.`);
  warn(warnings, { notes, address });
}

function warn(warnings: readonly string[], { notes, address }: { notes: Terminal['notes']; address: string }): void {
  for (const warning of warnings) notes.line(`hms-sync: its check warns: ${hubText(warning, address)}`);
}

/** By the name of the flag, which the hub does not know. */
function configJson(given = ''): string {
  try {
    if (given !== '') checkJson(new TextEncoder().encode(given));
    return given;
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new Failure(`--config ${error.message}`, ExitCode.usage);
  }
}

/** A path is meant from here, and the hub takes absolute ones. */
function located(wanted: string): string {
  return /^\.{0,2}\//.test(wanted) || wanted === '.' || wanted === '..' ? resolve(wanted) : wanted;
}

function percent(text: string): number {
  const number = Number(text.replace(/%$/, ''));
  if (!Number.isInteger(number) || number < 1 || number > 99) throw new InvalidArgumentError('Write 1% to 99%.');
  return number;
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('Write a whole number above 0.');
  return number;
}

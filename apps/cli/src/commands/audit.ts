import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Command, InvalidArgumentError } from 'commander';
import { execNode } from '../exec-node.ts';
import { ExitCode, Failure } from '../failure.ts';
import { parseTime } from '../filter-options.ts';
import { examples } from '../help.ts';
import { addressOption } from '../hub-address.ts';
import { type HubClient, readHub } from '../hub-client.ts';
import { type JsonOptions, jsonLinesOption, jsonOption } from '../json-options.ts';
import { checkAuditProgram } from '../programs.ts';
import { tableLines } from '../table.ts';
import { type Printer, printable, type Terminal } from '../terminal.ts';

interface Selection {
  since?: Timestamp;
  until?: Timestamp;
  principal?: string[];
  address: string;
}

interface ListOptions extends Selection, JsonOptions {
  limit: number;
}

interface VerifyOptions extends JsonOptions {
  dataDir?: string;
  checkpoint?: string;
  address: string;
}

const PAGE_SIZE = 1_000;
const LIMIT = 100;
const DAY_MS = 86_400_000;

/** A record, as docs/audit.md has it. */
interface AuditRecord {
  readonly seq: number;
  readonly time: string;
  readonly event: string;
  readonly principal?: { readonly name?: string };
  readonly rpc?: string;
  readonly decision?: string;
  readonly why?: string;
  readonly target?: unknown;
  readonly reason?: string;
  readonly of?: number;
  readonly code?: string;
  readonly refused?: unknown;
  readonly address?: string;
  readonly problems?: readonly string[];
}

/** `hms-sync audit`: list, export, verify. */
export function addAuditCommand(program: Command, terminal: Terminal): void {
  const audit = program
    .command('audit')
    .description('who asked for which change, and what came of it')
    .usage('<verb> [options]')
    .helpGroup('Access:')
    .commandsGroup('Access:');
  addSelection(audit.command('list'))
    .description('show the newest records of the audit log')
    .option('--limit <count>', 'show at most this many, the newest', parseLimit, LIMIT)
    .addOption(addressOption())
    .addOption(jsonOption())
    .addOption(jsonLinesOption())
    .addHelpText('after', examples('audit list', 'audit list --since 7d --principal hms-ops --jsonl'))
    .action((options: ListOptions) => list(options, terminal));
  addSelection(audit.command('export'))
    .description('print all records as on disk, one JSON object per line')
    .addOption(addressOption())
    .addHelpText(
      'after',
      examples('audit export', 'audit export --since 2026-01-01T00:00:00Z --until 2026-02-01T00:00:00Z'),
    )
    .action((options: Selection) => exportAll(options, terminal));
  audit
    .command('verify')
    .description('check whether the audit log is as the hub wrote it')
    .option('--data-dir <folder>', 'read this data folder instead of asking the hub')
    .option('--checkpoint <text>', "a checkpoint from the hub's log; fails unless the audit log contains it")
    .addOption(addressOption())
    .addOption(jsonOption())
    .addHelpText('after', examples('audit verify', 'audit verify --data-dir .hms-sync'))
    .action((options: VerifyOptions) => verify(options, terminal));
}

function addSelection(command: Command): Command {
  return command
    .option('--since <time>', 'at this time or later: 2026-01-31T08:00:00Z, or 2h for two hours ago', parseTime)
    .option('--until <time>', 'before this time', parseTime)
    .option('--principal <name>', 'of this principal (repeat it for several)', collect);
}

async function list(options: ListOptions, { data, notes }: Terminal): Promise<void> {
  const { address, limit, json, jsonl } = options;
  const since = options.since ?? timestampFromMs(Date.now() - DAY_MS);
  const { lines, total } = await readHub(address, (hub) => newest(hub, { ...options, since }, limit));
  const records = lines.map((line) => JSON.parse(line) as AuditRecord);
  if (json) data.json(records);
  else if (jsonl) for (const record of records) data.json(record);
  else if (records.length === 0) data.line('Nothing was recorded in that time.');
  else for (const line of recordLines(data, records)) data.line(line);
  const when = options.since === undefined ? ' in the last 24 hours; --since shows more' : '';
  if (total > lines.length) notes.line(`${total} records${when}; these are the newest ${lines.length}: raise --limit.`);
  else if (!json && !jsonl) notes.line(`${total} ${total === 1 ? 'record' : 'records'}${when}.`);
}

/** The newest of what matches, oldest first, and how many there are in all. */
async function newest(
  hub: HubClient,
  selection: Selection,
  limit: number,
): Promise<{ lines: string[]; total: number }> {
  let lines: string[] = [];
  let total = 0;
  for await (const page of pages(hub, selection)) {
    total += page.length;
    lines = [...lines, ...page].slice(-limit);
  }
  return { lines, total };
}

async function exportAll(options: Selection, { data }: Terminal): Promise<void> {
  await readHub(options.address, async (hub) => {
    for await (const page of pages(hub, options)) for (const line of page) data.line(line);
  });
}

async function* pages({ audit }: HubClient, { since, until, principal }: Selection): AsyncGenerator<readonly string[]> {
  const selected = {
    principals: principal ?? [],
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  };
  let pageToken = '';
  do {
    const page = await audit.listAudit({ ...selected, pageSize: PAGE_SIZE, pageToken });
    yield page.records;
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}

/** A row for each record; the outcome of a change is in its row where both are there. */
function recordLines(printer: Printer, records: readonly AuditRecord[]): string[] {
  const outcomes = new Map(records.flatMap((record) => (record.of === undefined ? [] : [[record.of, record]])));
  const decided = new Set(records.filter(({ event }) => event === 'request').map(({ seq }) => seq));
  const rows = records.filter(({ of }) => of === undefined || !decided.has(of));
  return tableLines(
    ['TIME', 'WHO', 'WHAT', 'RESULT', 'ABOUT', 'REASON'],
    rows.map((record) => [
      printable(record.time.replace(/\.\d+Z$/, 'Z')),
      printable(record.principal?.name ?? record.address ?? '') || '-',
      printable(record.rpc?.split('/').at(-1) ?? record.event),
      result(printer, record, outcomes.get(record.seq)),
      about(record),
      printable(record.reason ?? ''),
    ]),
    printer.columns,
  );
}

function result(printer: Printer, record: AuditRecord, outcome: AuditRecord | undefined): string {
  if (record.decision === 'refused') return printer.paint('bad', printable(record.why ?? 'refused'));
  const code = (outcome ?? record).code;
  if (code !== undefined) return printer.paint(code === 'OK' ? 'good' : 'bad', printable(code));
  return record.event === 'request' ? printer.paint('waiting', 'no outcome') : '';
}

function about({ target, refused, problems }: AuditRecord): string {
  const what = target ?? refused ?? problems;
  return what === undefined ? '' : printable(JSON.stringify(what));
}

async function verify({ dataDir, checkpoint = '', address, json }: VerifyOptions, { data }: Terminal): Promise<void> {
  if (dataDir !== undefined) {
    const flags = [...(checkpoint === '' ? [] : ['--checkpoint', checkpoint]), ...(json ? ['--json'] : [])];
    execNode([...process.execArgv, fileURLToPath(checkAuditProgram()), '--data-dir', resolve(dataDir), ...flags]);
    return;
  }
  const { records, fault, lastSeq, lastHash } = await readHub(address, ({ audit }) =>
    audit.verifyAudit({ checkpoint }),
  );
  if (json) {
    const last = { last_seq: Number(lastSeq), last_hash: lastHash };
    data.json({ records: Number(records), ...last, fault: fault || undefined, notes: [] });
  } else {
    data.line(`${records} records, the last ${lastSeq}`);
    if (fault === '') data.line('whole: every record is as the hub wrote it');
  }
  if (fault !== '') throw new Failure(`the audit log is broken: ${printable(fault)}`, ExitCode.failed);
}

function collect(given: string, before: string[] = []): string[] {
  return [...before, given];
}

function parseLimit(given: string): number {
  const limit = Number(given);
  if (!Number.isInteger(limit) || limit < 1) throw new InvalidArgumentError('Write a whole number from 1 on.');
  return limit;
}

import { DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import { DeliveryGrouping, type Job, type ListedDelivery } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { ackJson, deliveryTone, detail, lastError, statusDetail } from '../ack-report.ts';
import {
  addFilterOptions,
  type FilterOptions,
  hasFilter,
  requireFilter,
  requireReason,
  toFilter,
} from '../filter-options.ts';
import { countDeliveries, enumName, formatTime, isoTime } from '../format.ts';
import { examples } from '../help.ts';
import { addressOption } from '../hub-address.ts';
import { callHub, type HubClient, readHub } from '../hub-client.ts';
import { type JsonOptions, jsonLinesOption, jsonOption } from '../json-options.ts';
import { tableLines } from '../table.ts';
import { type Printer, printable, type Terminal } from '../terminal.ts';
import { dryRunLine, followJob, JobReport, requireJob } from './job.ts';

interface ListOptions extends FilterOptions, JsonOptions {
  limit: number;
  groupBy?: keyof typeof GROUPINGS;
  address: string;
}

interface ReplayOptions extends FilterOptions, JsonOptions {
  reason?: string;
  rate: number;
  includeStale?: true;
  includeReplayed?: true;
  dryRun?: true;
  detach?: true;
  address: string;
}

interface DiscardOptions extends FilterOptions, JsonOptions {
  reason?: string;
  dryRun?: true;
  address: string;
}

const PAGE_SIZE_MAX = 1_000;

const GROUPINGS = {
  adapter: DeliveryGrouping.ADAPTER,
  error: DeliveryGrouping.ERROR,
  key: DeliveryGrouping.KEY,
} as const;

/** The name of the group without a value. */
const NAMELESS = { adapter: '-', error: '(no failure)', key: '(no key)' } as const;

/** `hms-sync delivery`: list, replay, discard. */
export function addDeliveryCommand(program: Command, terminal: Terminal): void {
  const delivery = program
    .command('delivery')
    .description('list, replay and discard undelivered events')
    .usage('<verb> [options]')
    .helpGroup('Deliveries:')
    .commandsGroup('Deliveries:');
  addFilterOptions(delivery.command('list'))
    .description('list undelivered events, the reasons and what happens next')
    .option('--limit <count>', 'list at most this many, the newest', parseLimit, 100)
    .addOption(
      new Option('--group-by <what>', 'count them by adapter, error or key, the largest groups first').choices(
        Object.keys(GROUPINGS),
      ),
    )
    .addOption(addressOption())
    .addOption(jsonOption())
    .addOption(jsonLinesOption())
    .addHelpText(
      'after',
      examples(
        'delivery list',
        'delivery list --adapter billing --state dead-lettered --since 2h',
        'delivery list --group-by error',
      ),
    )
    .action((options: ListOptions) =>
      options.groupBy === undefined ? list(options, terminal) : listGroups(options, options.groupBy, terminal),
    );
  addFilterOptions(delivery.command('replay'))
    .description('replay dead letters, as a job in the hub')
    .option('--reason <text>', 'why, for the record (required)')
    .option('--rate <count>', 'the maximum rate per second', parseRate, 50)
    .option('--include-stale', 'also replay those whose key has a newer delivered event, which they may overwrite')
    .option('--include-replayed', 'also replay those that failed after an earlier replay')
    .option('--dry-run', 'only count what would be sent and what would be skipped')
    .option('--detach', 'do not wait for the job to end')
    .addOption(addressOption())
    .addOption(jsonOption(', when the job has ended'))
    .addOption(jsonLinesOption())
    .addHelpText(
      'after',
      examples(
        'delivery replay --adapter billing --error-kind permanent --dry-run',
        `delivery replay --adapter billing --error-kind permanent --reason 'rates fixed, INC-1204'`,
      ),
    )
    .action((options: ReplayOptions) => replay(options, terminal));
  addFilterOptions(delivery.command('discard'))
    .description('discard dead letters or waiting deliveries permanently')
    .option('--reason <text>', 'why, for the record (required)')
    .option('--dry-run', 'count only')
    .addOption(addressOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        'delivery discard --event-id 0198c5d2-7a10-7000-8000-000000000001 --dry-run',
        `delivery discard --event-id 0198c5d2-7a10-7000-8000-000000000001 --reason 'entered by hand'`,
      ),
    )
    .action((options: DiscardOptions) => discard(options, terminal));
}

async function list(options: ListOptions, { data, notes }: Terminal): Promise<void> {
  const { deliveries, total } = await readHub(options.address, (hub) => newest(hub, options));
  if (options.json) data.json(deliveries.map(deliveryJson));
  else if (options.jsonl) for (const delivery of deliveries) data.json(deliveryJson(delivery));
  else if (deliveries.length === 0) data.line(nothing(options));
  else for (const line of deliveryLines(data, deliveries, Date.now())) data.line(line);
  if (deliveries.length > 0) notes.line(totalLine(total, deliveries.length));
}

/** The newest deliveries up to the limit, and the total number. */
async function newest(
  { admin }: HubClient,
  options: ListOptions,
): Promise<{ deliveries: ListedDelivery[]; total: bigint }> {
  const filter = toFilter(options);
  const deliveries: ListedDelivery[] = [];
  let pageToken = '';
  do {
    const pageSize = Math.min(PAGE_SIZE_MAX, options.limit - deliveries.length);
    const page = await admin.listDeliveries({ filter, pageSize, pageToken });
    deliveries.push(...page.deliveries);
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && deliveries.length < options.limit);
  if (pageToken === '') return { deliveries, total: BigInt(deliveries.length) };
  return { deliveries, total: (await admin.countDeliveries({ filter })).deliveries };
}

function nothing(options: FilterOptions): string {
  return hasFilter(options) ? 'No undelivered event matches the filter.' : 'There are no undelivered events.';
}

function totalLine(total: bigint, shown: number): string {
  if (total <= shown) return `${total} in total.`;
  return `${total} in total; these are the newest ${shown}. Raise --limit, narrow the filter, or use --group-by.`;
}

/** One row per delivery. The source is a column only if there are several sources. */
function deliveryLines(printer: Printer, deliveries: readonly ListedDelivery[], nowMs: number): string[] {
  const showsSource = new Set(deliveries.map(({ latest }) => latest?.source)).size > 1;
  return tableLines(
    ['STATE', 'ADAPTER', 'EVENT', ...(showsSource ? ['SOURCE'] : []), 'KEY', 'ACCEPTED', 'ATTEMPT', 'WHY'],
    deliveries.map((delivery) => {
      const state = delivery.latest?.state ?? DeliveryState.UNSPECIFIED;
      return [
        printer.paint(deliveryTone(state), enumName(DeliveryState, state)),
        printable(delivery.latest?.adapter ?? ''),
        printable(delivery.latest?.eventId ?? ''),
        ...(showsSource ? [printable(delivery.latest?.source ?? '') || '-'] : []),
        printable(delivery.key) || '-',
        formatTime(delivery.acceptedTime),
        attempt(delivery),
        why(delivery, nowMs),
      ];
    }),
    printer.columns,
  );
}

/** A number alone in the first cycle; "2.1" is the first attempt after a replay. */
function attempt({ latest }: ListedDelivery): string {
  if (latest === undefined) return '-';
  return latest.cycle > 1 ? `${latest.cycle}.${latest.attempt}` : String(latest.attempt);
}

function why({ latest, reason }: ListedDelivery, nowMs: number): string {
  if (latest === undefined) return '';
  switch (latest.state) {
    case DeliveryState.WAITING:
      return 'queued';
    case DeliveryState.HELD:
      return latest.error === undefined ? detail(latest) : `${detail(latest)}; last ${lastError(latest)}`;
    case DeliveryState.DISCARDED:
      return reason === '' ? detail(latest) : `${detail(latest)}: ${printable(reason)}`;
    default:
      return statusDetail(latest, nowMs);
  }
}

function deliveryJson({ latest, type, key, acceptedTime, reason }: ListedDelivery): Record<string, unknown> {
  return {
    ...(latest && ackJson(latest)),
    type,
    key: key || undefined,
    accepted_time: isoTime(acceptedTime),
    reason: reason || undefined,
  };
}

async function listGroups(
  { address, json, jsonl, limit, ...options }: ListOptions,
  by: keyof typeof GROUPINGS,
  { data, notes }: Terminal,
): Promise<void> {
  const groupsMax = Math.min(limit, PAGE_SIZE_MAX);
  const { deliveries, groups, others } = await readHub(address, ({ admin }) =>
    admin.countDeliveries({ filter: toFilter(options), groupBy: GROUPINGS[by], groupsMax }),
  );
  const counted = groups.map(({ name, deliveries }) => ({ [by]: name, deliveries: Number(deliveries) }));
  if (json) data.json({ deliveries: Number(deliveries), groups: counted, others: Number(others) });
  else if (jsonl) {
    for (const group of counted) data.json(group);
    if (others > 0n) data.json({ others: Number(others) });
  } else {
    const rows = groups.map(({ name, deliveries }) => [String(deliveries), printable(name) || NAMELESS[by]]);
    if (others > 0n) rows.push([String(others), '(all others)']);
    if (rows.length === 0) data.line(nothing(options));
    else for (const line of tableLines(['DELIVERIES', by.toUpperCase()], rows, data.columns)) data.line(line);
  }
  if (groups.length > 0) notes.line(`${deliveries} in total.`);
}

async function replay(options: ReplayOptions, terminal: Terminal): Promise<void> {
  requireFilter('delivery replay', options);
  const reason = requireReason('delivery replay', options);
  const { address, json = false, jsonl = false, dryRun = false, detach = false } = options;
  const { data, notes } = terminal;
  const report = new JobReport(terminal, { asJson: json || jsonl, address });
  await callHub(address, async (hub) => {
    const answer = await hub.admin.replayDeliveries({
      filter: toFilter(options),
      reason,
      ratePerSecond: options.rate,
      includeStale: options.includeStale === true,
      includeReplayed: options.includeReplayed === true,
      dryRun,
    });
    const job = requireJob(answer.job);
    if (dryRun && (json || jsonl)) data.json(dryRunJson(job));
    else if (dryRun) data.line(dryRunLine(job));
    else if (detach) report.print(job);
    else if (json) report.print((await followJob(hub, job.id, { onChange: () => undefined, notes })) ?? job);
    else await followJob(hub, job.id, { onChange: (changed) => report.print(changed), notes });
  });
}

/** The result of a dry run as one JSON object, without id, state and `sent`, so that it cannot be mistaken for a job. */
function dryRunJson({ matched, skippedStale, skippedReplayed, sent }: Job): Record<string, unknown> {
  return {
    dry_run: true,
    matched: Number(matched),
    skipped_stale: Number(skippedStale),
    skipped_replayed: Number(skippedReplayed),
    would_send: Number(sent),
  };
}

async function discard(options: DiscardOptions, { data }: Terminal): Promise<void> {
  requireFilter('delivery discard', options);
  const reason = requireReason('delivery discard', options);
  const dryRun = options.dryRun === true;
  const request = { filter: toFilter(options), reason, dryRun };
  const { discarded } = await callHub(options.address, ({ admin }) => admin.discardDeliveries(request));
  if (options.json) data.json({ discarded: Number(discarded), dry_run: dryRun });
  else if (discarded === 0n) data.line('Nothing to discard: no dead letter or waiting delivery matches the filter.');
  else data.line(`${countDeliveries(discarded)} ${dryRun ? 'would be discarded' : 'discarded'}.`);
}

function parseLimit(given: string): number {
  const limit = Number(given);
  if (!Number.isInteger(limit) || limit < 1) throw new InvalidArgumentError('Write a whole number of at least 1.');
  return limit;
}

function parseRate(given: string): number {
  const rate = Number(given);
  if (!Number.isInteger(rate) || rate < 1 || rate > 10_000) {
    throw new InvalidArgumentError('Write a whole number from 1 to 10000.');
  }
  return rate;
}

import { DeliveryGrouping, type ListedDelivery } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { deliveryJson, deliveryLines } from '../delivery-lines.ts';
import { addFilterOptions, type FilterOptions, toFilter } from '../filter-options.ts';
import { addressOption } from '../hub-address.ts';
import { callHub } from '../hub-call.ts';
import { tableLines } from '../table.ts';
import { printable, type Terminal } from '../terminal.ts';

interface ListOptions extends FilterOptions {
  limit: number;
  groupBy?: keyof typeof groupings;
  address: string;
  json?: true;
}

const pageSizeMax = 1_000;

const groupings = {
  adapter: DeliveryGrouping.ADAPTER,
  error: DeliveryGrouping.ERROR,
  key: DeliveryGrouping.KEY,
} as const;

/** What stands for the group that has no name. */
const nameless = { adapter: '-', error: '(no failure)', key: '(no key)' } as const;

export function addDeliveriesCommand(program: Command, terminal: Terminal): void {
  const deliveries = program.command('deliveries').description('show what is not delivered, to which adapter, and why');
  addFilterOptions(deliveries.command('list', { isDefault: true }))
    .description('show what is not delivered, why, and what happens next, the newest first')
    .option('--limit <count>', 'show at most this many', parseLimit, 100)
    .addOption(
      new Option('--group-by <what>', 'count instead, by what they have in common; the largest groups first').choices(
        Object.keys(groupings),
      ),
    )
    .addOption(addressOption())
    .option('--json', 'print one JSON object a line')
    .action((options: ListOptions) =>
      options.groupBy === undefined
        ? listDeliveries(options, terminal)
        : countDeliveries(options, options.groupBy, terminal),
    );
}

async function listDeliveries(options: ListOptions, { data, notes }: Terminal): Promise<void> {
  const { deliveries, total } = await callHub(options.address, async ({ admin }) => {
    const filter = toFilter(options);
    const found: ListedDelivery[] = [];
    let pageToken = '';
    do {
      const pageSize = Math.min(pageSizeMax, options.limit - found.length);
      const page = await admin.listDeliveries({ filter, pageSize, pageToken });
      found.push(...page.deliveries);
      pageToken = page.nextPageToken;
    } while (pageToken !== '' && found.length < options.limit);
    // Where all were seen there is nothing to ask.
    const total = pageToken === '' ? found.length : (await admin.countDeliveries({ filter })).deliveries;
    return { deliveries: found, total };
  });
  if (options.json) for (const delivery of deliveries) data.json(deliveryJson(delivery));
  else if (deliveries.length === 0) data.line('Nothing that is not delivered matches.');
  else for (const line of deliveryLines(data, deliveries, Date.now())) data.line(line);
  if (deliveries.length > 0) notes.line(totalLine(total, deliveries.length));
}

function totalLine(total: bigint | number, shown: number): string {
  if (total <= shown) return `${total} in all.`;
  return `${total} in all; these are the newest ${shown}: raise --limit, narrow the filter, or --group-by.`;
}

async function countDeliveries(
  { address, json, limit, ...options }: ListOptions,
  by: keyof typeof groupings,
  { data, notes }: Terminal,
): Promise<void> {
  const groupsMax = Math.min(limit, pageSizeMax);
  const { deliveries, groups, others } = await callHub(address, ({ admin }) =>
    admin.countDeliveries({ filter: toFilter(options), groupBy: groupings[by], groupsMax }),
  );
  if (json) {
    const counted = groups.map(({ name, deliveries }) => ({ [by]: name, deliveries: Number(deliveries) }));
    data.json({ deliveries: Number(deliveries), groups: counted, others: Number(others) });
    return;
  }
  const rows = groups.map(({ name, deliveries }) => [String(deliveries), printable(name) || nameless[by]]);
  if (others > 0n) rows.push([String(others), '(all others)']);
  if (rows.length === 0) data.line('Nothing that is not delivered matches.');
  else for (const line of tableLines(['DELIVERIES', by.toUpperCase()], rows, data.columns)) data.line(line);
  if (rows.length > 0) notes.line(`${deliveries} in all.`);
}

function parseLimit(given: string): number {
  const limit = Number(given);
  if (!Number.isInteger(limit) || limit < 1) throw new InvalidArgumentError('Write a whole number from 1 on.');
  return limit;
}

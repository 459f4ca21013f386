import type { ListedDelivery } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { type Command, InvalidArgumentError } from 'commander';
import { deliveryJson, deliveryLines } from '../delivery-lines.ts';
import { addFilterOptions, type FilterOptions, toFilter } from '../filter-options.ts';
import { addressOption } from '../hub-address.ts';
import { callHub } from '../hub-call.ts';
import type { Terminal } from '../terminal.ts';

interface ListOptions extends FilterOptions {
  limit: number;
  address: string;
  json?: true;
}

const pageSizeMax = 1_000;

export function addDeliveriesCommand(program: Command, terminal: Terminal): void {
  const deliveries = program.command('deliveries').description('one event for one adapter each');
  addFilterOptions(deliveries.command('list', { isDefault: true }))
    .description('show what is not delivered, why, and what happens next, the newest first')
    .option('--limit <count>', 'show at most so many', parseLimit, 100)
    .addOption(addressOption())
    .option('--json', 'print one JSON object a line')
    .action((options: ListOptions) => listDeliveries(options, terminal));
}

async function listDeliveries(options: ListOptions, { data, notes }: Terminal): Promise<void> {
  const { deliveries, isMore } = await callHub(options.address, async ({ admin }) => {
    const found: ListedDelivery[] = [];
    let pageToken = '';
    do {
      const pageSize = Math.min(pageSizeMax, options.limit - found.length);
      const page = await admin.listDeliveries({ filter: toFilter(options), pageSize, pageToken });
      found.push(...page.deliveries);
      pageToken = page.nextPageToken;
    } while (pageToken !== '' && found.length < options.limit);
    return { deliveries: found, isMore: pageToken !== '' };
  });
  if (options.json) for (const delivery of deliveries) data.json(deliveryJson(delivery));
  else if (deliveries.length === 0) data.line('Nothing that is not delivered matches.');
  else for (const line of deliveryLines(data, deliveries, Date.now())) data.line(line);
  if (isMore) notes.line(`There are more than these ${deliveries.length}: raise --limit, or narrow the filter.`);
}

function parseLimit(given: string): number {
  const limit = Number(given);
  if (!Number.isInteger(limit) || limit < 1) throw new InvalidArgumentError('Write a whole number from 1 on.');
  return limit;
}

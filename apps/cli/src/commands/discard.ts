import type { Command } from 'commander';
import { addFilterOptions, type FilterOptions, requireFilter, requireReason, toFilter } from '../filter-options.ts';
import { addressOption } from '../hub-address.ts';
import { callHub } from '../hub-call.ts';
import type { Terminal } from '../terminal.ts';

interface DiscardOptions extends FilterOptions {
  reason?: string;
  dryRun?: true;
  address: string;
  json?: true;
}

export function addDiscardCommand(program: Command, terminal: Terminal): void {
  addFilterOptions(program.command('discard'))
    .description('end deliveries permanently: dead letters, and what still waits')
    .option('--reason <text>', 'why, for the record (required)')
    .option('--dry-run', 'count only')
    .addOption(addressOption())
    .option('--json', 'print one JSON object')
    .action((options: DiscardOptions) => discard(options, terminal));
}

async function discard(options: DiscardOptions, { data }: Terminal): Promise<void> {
  requireFilter('discard', options);
  const reason = requireReason('discard', options);
  const dryRun = options.dryRun === true;
  const request = { filter: toFilter(options), reason, dryRun };
  const { discarded } = await callHub(options.address, ({ admin }) => admin.discardDeliveries(request));
  if (options.json) data.json({ discarded: Number(discarded), dry_run: dryRun });
  else {
    const deliveries = discarded === 1n ? '1 delivery' : `${discarded} deliveries`;
    if (discarded === 0n) data.line('Nothing to discard: no dead letter and nothing that waits matches.');
    else data.line(dryRun ? `${deliveries} would be discarded.` : `${deliveries} discarded.`);
  }
}

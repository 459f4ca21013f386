import type { Job } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { type Command, InvalidArgumentError } from 'commander';
import { ExitCode, Failure } from '../failure.ts';
import { addFilterOptions, type FilterOptions, requireFilter, requireReason, toFilter } from '../filter-options.ts';
import { addressOption } from '../hub-address.ts';
import { callHub } from '../hub-call.ts';
import type { Terminal } from '../terminal.ts';
import { followJob, JobAndNextReport } from './job-following.ts';

interface ReplayOptions extends FilterOptions {
  reason?: string;
  rate: number;
  includeStale?: true;
  includeReplayed?: true;
  dryRun?: true;
  detach?: true;
  address: string;
  json?: true;
}

export function addReplayCommand(program: Command, terminal: Terminal): void {
  addFilterOptions(program.command('replay'))
    .description('send dead letters again, as a job in the hub')
    .option('--reason <text>', 'why, for the record (required)')
    .option('--rate <count>', 'send at most this many a second', parseRate, 50)
    .option('--include-stale', 'also those whose key has a newer event that was delivered; they would follow it')
    .option('--include-replayed', 'also those that were replayed before')
    .option('--dry-run', 'count only: what would be sent, and what would be left out')
    .option('--detach', 'do not wait for the job to end')
    .addOption(addressOption())
    .option('--json', 'print one JSON object a line')
    .action((options: ReplayOptions) => replay(options, terminal));
}

async function replay(options: ReplayOptions, terminal: Terminal): Promise<void> {
  requireFilter('replay', options);
  const reason = requireReason('replay', options);
  const report = new JobAndNextReport(terminal, { asJson: options.json === true, address: options.address });
  await callHub(options.address, async (hub) => {
    const { job } = await hub.admin.replayDeliveries({
      filter: toFilter(options),
      reason,
      ratePerSecond: options.rate,
      includeStale: options.includeStale === true,
      includeReplayed: options.includeReplayed === true,
      dryRun: options.dryRun === true,
    });
    if (job === undefined) throw new Failure('the hub answered without a job', ExitCode.failed);
    if (options.dryRun && options.json) terminal.data.json(countedJson(job));
    else if (options.dryRun) report.tellCounted(job);
    else if (options.detach) report.tell(job);
    else await followJob(hub, job.id, { report, terminal });
  });
}

/** What a run would send, as one JSON object that nobody takes for a run: it has no id, no state and nothing sent. */
function countedJson({ matched, skippedStale, skippedReplayed, sent }: Job): Record<string, unknown> {
  return {
    dry_run: true,
    matched: Number(matched),
    skipped_stale: Number(skippedStale),
    skipped_replayed: Number(skippedReplayed),
    would_send: Number(sent),
  };
}

function parseRate(given: string): number {
  const rate = Number(given);
  if (!Number.isInteger(rate) || rate < 1 || rate > 10_000) {
    throw new InvalidArgumentError('Write a whole number from 1 to 10000.');
  }
  return rate;
}

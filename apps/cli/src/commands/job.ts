import type { Job } from '@hms-sync/proto/hms/sync/v1/admin_service';
import type { Command } from 'commander';
import type { HubClient } from '../client.ts';
import { ExitCode, Failure } from '../failure.ts';
import { addressOption } from '../hub-address.ts';
import { callHub } from '../hub-call.ts';
import { type JobReport, jobJson } from '../job-report.ts';
import type { Terminal } from '../terminal.ts';
import { followJob, JobAndNextReport } from './job-following.ts';

interface JobOptions {
  watch?: true;
  cancel?: true;
  address: string;
  json?: true;
}

export function addJobCommand(program: Command, terminal: Terminal): void {
  program
    .command('job')
    .description('show the state of a replay job, follow it, or end it')
    .argument('<id>', 'the job id')
    .option('--watch', 'show it again on each change, until it ends')
    .option('--cancel', 'end it; what it has sent stays sent')
    .addOption(addressOption())
    .option('--json', 'print one JSON object a line')
    .action((id: string, options: JobOptions) => showJob(id, options, terminal));
}

async function showJob(id: string, options: JobOptions, terminal: Terminal): Promise<void> {
  if (options.watch && options.cancel) {
    throw new Failure('--watch and --cancel do not go together: a job that is cancelled has ended', ExitCode.usage);
  }
  const report = new JobAndNextReport(terminal, { asJson: options.json === true, address: options.address });
  await callHub(options.address, async (hub) => {
    if (options.watch) return followJob(hub, id, { report, terminal });
    if (options.cancel) return cancel(hub, id, { report, terminal, asJson: options.json === true });
    report.tell(requireJob((await hub.admin.getJob({ id })).job));
  });
}

async function cancel(
  hub: HubClient,
  id: string,
  to: { report: JobReport; terminal: Terminal; asJson: boolean },
): Promise<void> {
  const { job, wasRunning } = await hub.admin.cancelJob({ id });
  if (to.asJson) {
    to.terminal.data.json({ ...jobJson(requireJob(job)), was_running: wasRunning });
    return;
  }
  to.report.tell(requireJob(job));
  if (!wasRunning) to.terminal.notes.line('It had ended before: there was nothing to cancel.');
}

function requireJob(job: Job | undefined): Job {
  if (job === undefined) throw new Failure('the hub answered without the job', ExitCode.failed);
  return job;
}

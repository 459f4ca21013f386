import type { Command } from 'commander';
import { ExitCode, Failure } from '../failure.ts';
import { addressOption } from '../hub-address.ts';
import { callHub } from '../hub-call.ts';
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
    .description('show how a replay job stands, follow it, or end it')
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
  const report = new JobAndNextReport(terminal, { asJson: options.json === true });
  await callHub(options.address, async (hub) => {
    if (options.watch) return followJob(hub, id, { report, terminal });
    const { job } = await (options.cancel ? hub.admin.cancelJob({ id }) : hub.admin.getJob({ id }));
    if (job === undefined) throw new Failure('the hub answered without the job', ExitCode.failed);
    report.tell(job);
  });
}

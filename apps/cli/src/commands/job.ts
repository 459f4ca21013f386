import { Code, ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema } from '@hms-sync/proto/google/rpc/error_details';
import { type Job, JobState } from '@hms-sync/proto/hms/sync/v1/admin_service';
import type { Command } from 'commander';
import { commandLine } from '../advice.ts';
import { systemErrorCode } from '../api-failure.ts';
import { ExitCode, Failure } from '../failure.ts';
import { enumName, isoTime } from '../format.ts';
import { examples } from '../help.ts';
import { addressOption } from '../hub-address.ts';
import { callHub, type HubClient } from '../hub-client.ts';
import { type JsonOptions, jsonLinesOption, jsonOption } from '../json-options.ts';
import { stopSignal } from '../stop-signal.ts';
import { type Printer, printable, type Terminal, type Tone } from '../terminal.ts';

interface JobOptions extends JsonOptions {
  address: string;
}

/** `hms-sync job`: show, watch, cancel. */
export function addJobCommand(program: Command, terminal: Terminal): void {
  const job = program
    .command('job')
    .description('show, watch and cancel replay jobs')
    .usage('<verb> [options]')
    .helpGroup('Jobs:')
    .commandsGroup('Jobs:');
  job
    .command('show')
    .description('show the status of a replay job')
    .argument('<id>', 'the job id')
    .addOption(addressOption())
    .addOption(jsonOption())
    .addHelpText('after', examples('job show job-41'))
    .action((id: string, options: JobOptions) => show(id, options, terminal));
  job
    .command('watch')
    .description('print a replay job on each change, until it ends')
    .argument('<id>', 'the job id')
    .addOption(addressOption())
    .addOption(jsonLinesOption())
    .addHelpText('after', examples('job watch job-41'))
    .action((id: string, options: JobOptions) => watch(id, options, terminal));
  job
    .command('cancel')
    .description('cancel a replay job; deliveries that it has sent stay sent')
    .argument('<id>', 'the job id')
    .addOption(addressOption())
    .addOption(jsonOption())
    .addHelpText('after', examples('job cancel job-41'))
    .action((id: string, options: JobOptions) => cancel(id, options, terminal));
}

async function show(id: string, { address, json }: JobOptions, terminal: Terminal): Promise<void> {
  const { job } = await callHub(address, ({ admin }) => admin.getJob({ id }));
  new JobReport(terminal, { asJson: json === true, address }).print(requireJob(job));
}

async function watch(id: string, { address, jsonl }: JobOptions, terminal: Terminal): Promise<void> {
  const report = new JobReport(terminal, { asJson: jsonl === true, address });
  await callHub(address, (hub) => followJob(hub, id, { onChange: (job) => report.print(job), notes: terminal.notes }));
}

async function cancel(id: string, { address, json }: JobOptions, terminal: Terminal): Promise<void> {
  const { job, wasRunning } = await callHub(address, ({ admin }) => admin.cancelJob({ id }));
  if (json) {
    terminal.data.json({ ...jobJson(requireJob(job)), was_running: wasRunning });
    return;
  }
  new JobReport(terminal, { asJson: false, address }).print(requireJob(job));
  if (!wasRunning) terminal.notes.line('The job had already ended; nothing was changed.');
}

/** Prints a job, and how to see what was not delivered when all is sent. */
export class JobReport {
  readonly #terminal: Terminal;
  readonly #asJson: boolean;
  readonly #address: string;

  constructor(terminal: Terminal, { asJson, address }: { asJson: boolean; address: string }) {
    this.#terminal = terminal;
    this.#asJson = asJson;
    this.#address = address;
  }

  print(job: Job): void {
    const { data, notes } = this.#terminal;
    if (this.#asJson) {
      data.json(jobJson(job));
      return;
    }
    data.line(jobLine(data, job));
    if (job.state !== JobState.DONE) return;
    if (job.matched === 0n) notes.line('Nothing to replay: no dead letter matched.');
    else {
      const list = commandLine(['delivery', 'list'], this.#address);
      notes.line(`All dead letters were sent. To see which are not delivered: ${list}`);
    }
  }
}

/**
 * Watches a job until it ends, or until Ctrl-C, which does not end the job.
 *
 * @param to `onChange` is called with the job at once and on each change
 * @returns the last status of the job
 * @throws Failure with the code noAnswer when the connection is lost
 */
export async function followJob(
  hub: HubClient,
  id: string,
  { onChange, notes }: { onChange: (job: Job) => void; notes: Printer },
): Promise<Job | undefined> {
  const stop = stopSignal();
  const again = commandLine(['job', 'watch', id], hub.address);
  let last: Job | undefined;
  try {
    for await (const { job } of hub.admin.watchJob({ id }, { signal: stop.signal })) {
      if (job === undefined) continue;
      last = job;
      onChange(job);
    }
  } catch (error) {
    if (!stop.signal.aborted) {
      if (!isLost(error)) throw error;
      const message = `the connection to the hub was lost; the job continues when the hub runs: ${again}`;
      throw new Failure(message, ExitCode.noAnswer, { cause: error });
    }
  } finally {
    stop.dispose();
  }
  if (stop.signal.aborted && last?.state === JobState.RUNNING) notes.line(`The job continues: ${again}`);
  return last;
}

/** @throws Failure when the response has no job */
export function requireJob(job: Job | undefined): Job {
  if (job === undefined) throw new Failure('the response of the hub has no job', ExitCode.failed);
  return job;
}

/** A job as one JSON object. Counts are numbers. */
export function jobJson(job: Job): Record<string, unknown> {
  return {
    id: job.id || undefined,
    state: enumName(JobState, job.state),
    matched: Number(job.matched),
    skipped_stale: Number(job.skippedStale),
    skipped_replayed: Number(job.skippedReplayed),
    sent: Number(job.sent),
    rate_per_second: job.ratePerSecond,
    reason: job.reason || undefined,
    create_time: isoTime(job.createTime),
  };
}

/** The result of a dry run, as a sentence. */
export function dryRunLine(job: Job): string {
  return job.matched === 0n
    ? 'Nothing to replay: no dead letter matches.'
    : `${countDeadLetters(job.matched)} match: ${job.sent} would be sent${leftOut(job)}.`;
}

function jobLine(printer: Printer, job: Job): string {
  const state = printer.paint(jobTone(job.state), enumName(JobState, job.state));
  const sent = `${job.sent} of ${countDeadLetters(job.matched)} sent`;
  return `${printable(job.id)}  ${state}  ${sent}${leftOut(job)}: ${printable(job.reason)}`;
}

function leftOut({ skippedStale, skippedReplayed }: Job): string {
  const stale =
    skippedStale === 0n ? '' : `; ${skippedStale} skipped, a newer event of their key was delivered (--include-stale)`;
  const replayed =
    skippedReplayed === 0n ? '' : `; ${skippedReplayed} skipped, they were replayed before (--include-replayed)`;
  return `${stale}${replayed}`;
}

function countDeadLetters(count: bigint): string {
  return count === 1n ? '1 dead letter' : `${count} dead letters`;
}

function jobTone(state: JobState): Tone {
  switch (state) {
    case JobState.DONE:
      return 'good';
    case JobState.CANCELLED:
      return 'bad';
    default:
      return 'waiting';
  }
}

/** True when the connection broke; false when the hub returned an error, or could not be reached. */
function isLost(error: unknown): boolean {
  const status = ConnectError.from(error);
  if (status.findDetails(ErrorInfoSchema).length > 0) return false;
  const systemCode = systemErrorCode(status);
  if (systemCode !== undefined) return systemCode === 'ECONNRESET' || systemCode === 'EPIPE';
  // CANCELED means that the hub was killed: a watch that Ctrl-C ended does not get here.
  return status.code === Code.Canceled || status.code === Code.Unavailable;
}

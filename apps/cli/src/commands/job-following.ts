import { Code, ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema } from '@hms-sync/proto/google/rpc/error_details';
import { type Job, JobState } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { commandLine } from '../advice.ts';
import { systemErrorCode } from '../api-failure.ts';
import type { HubClient } from '../client.ts';
import { ExitCode, Failure } from '../failure.ts';
import { JobReport } from '../job-report.ts';
import type { Terminal } from '../terminal.ts';
import { watchJob } from '../watch-job.ts';

/** Tells how a job stands and, for people, where to look when all of it is sent: sent is not yet delivered. */
export class JobAndNextReport extends JobReport {
  readonly #address: string;
  readonly #notes: Terminal['notes'] | undefined;

  constructor({ data, notes }: Terminal, { asJson, address }: { asJson: boolean; address: string }) {
    super(data, { asJson });
    this.#address = address;
    this.#notes = asJson ? undefined : notes;
  }

  override tell(job: Job): void {
    super.tell(job);
    if (job.state !== JobState.DONE) return;
    if (job.matched === 0n) this.#notes?.line('There was nothing to replay: no dead letter matched.');
    else
      this.#notes?.line(
        `Sent is not yet delivered. What is not, and why: ${commandLine(['deliveries'], this.#address)}`,
      );
  }
}

/**
 * Follows a job to its end.
 *
 * @throws Failure with the code noAnswer when the connection broke: that ends the watch, never the job
 */
export async function followJob(
  hub: HubClient,
  id: string,
  to: { report: JobReport; terminal: Terminal },
): Promise<void> {
  try {
    await watchJob(hub, id, to);
  } catch (error) {
    if (!isLost(error)) throw error;
    const goesOn = `the job goes on when the hub runs: ${commandLine(['job', id, '--watch'], hub.address)}`;
    throw new Failure(`the connection to the hub was lost; ${goesOn}`, ExitCode.noAnswer, { cause: error });
  }
}

/** True when the connection broke; false when the hub said why the watch ended, or could not be reached at all. */
function isLost(error: unknown): boolean {
  const status = ConnectError.from(error);
  if (status.findDetails(ErrorInfoSchema).length > 0) return false;
  const systemCode = systemErrorCode(status);
  if (systemCode !== undefined) return systemCode === 'ECONNRESET' || systemCode === 'EPIPE';
  // A watch that a person ended throws nothing, so CANCELED is what a hub that was killed leaves behind.
  return status.code === Code.Canceled || status.code === Code.Unavailable;
}

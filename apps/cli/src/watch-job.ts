import { type Job, JobState } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { commandLine } from './advice.ts';
import type { HubClient } from './client.ts';
import type { JobReport } from './job-report.ts';
import { stopSignal } from './stop-signal.ts';
import type { Terminal } from './terminal.ts';

/** Tells a job on each change until it has ended, or a person has seen enough: it goes on without them. */
export async function watchJob(
  hub: HubClient,
  id: string,
  to: { report: JobReport; terminal: Terminal },
): Promise<void> {
  const stop = stopSignal();
  let last: Job | undefined;
  try {
    for await (const { job } of hub.admin.watchJob({ id }, { signal: stop.signal })) {
      if (job === undefined) continue;
      last = job;
      to.report.tell(job);
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    stop.dispose();
  }
  if (stop.signal.aborted && last?.state === JobState.RUNNING) {
    to.terminal.notes.line(`The job goes on: ${commandLine(['job', id, '--watch'], hub.address)}`);
  }
}

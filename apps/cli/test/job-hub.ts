import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { type JobSchema, JobState, type ReplayDeliveriesRequest } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { type FakeHub, startFakeHub } from './fake-hub.ts';

export const jobReason = 'billing is back, says Dana';

/** A replay job that runs, and the same job when it has ended. */
export const job: MessageInitShape<typeof JobSchema> = {
  id: 'job-1',
  state: JobState.RUNNING,
  matched: 12n,
  skippedStale: 2n,
  sent: 3n,
  reason: jobReason,
  ratePerSecond: 50,
};
export const endedJob: typeof job = { ...job, state: JobState.DONE, sent: 10n };

/** A hub with this job, and the requests that it got. */
export interface JobHub extends FakeHub {
  readonly requests: readonly ReplayDeliveriesRequest[];
  readonly cancelled: readonly string[];
}

export async function startJobHub(): Promise<JobHub> {
  const requests: ReplayDeliveriesRequest[] = [];
  const cancelled: string[] = [];
  const fake = await startFakeHub({
    admin: {
      replayDeliveries: (request) => {
        requests.push(request);
        return { job: request.dryRun ? { ...endedJob, id: '', reason: '' } : job };
      },
      getJob: ({ id }) => {
        if (id !== 'job-1') throw new ConnectError('no job has the id "x"', Code.NotFound);
        return { job };
      },
      async *watchJob() {
        yield { job };
        yield { job: endedJob };
      },
      cancelJob: ({ id }) => {
        cancelled.push(id);
        return { job: { ...job, state: JobState.CANCELLED }, wasRunning: true };
      },
    },
  });
  return Object.assign(fake, { requests, cancelled });
}

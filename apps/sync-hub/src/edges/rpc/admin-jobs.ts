import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Job, JobSchema, JobState, type ReplayDeliveriesRequest } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { seesAdapter } from '../../access/principal.ts';
import type { ReplayJob } from '../../journal/replay-job.ts';
import { RUNNING_JOBS_MAX } from '../../operations/replay-runner.ts';
import { hubStopping, throwIfStopping } from '../hub-stop.ts';
import { invalidField, RequestError, tooManyAtOnce } from '../request-error.ts';
import type { AdminCall } from './admin-deps.ts';
import { requireEvents, requireNamed, toFilterMessage, toQuery } from './admin-filter.ts';
import { toReason } from './admin-reason.ts';

const RATE_DEFAULT = 50;
const RATE_MAX = 10_000;

const JOB_STATES: Readonly<Record<ReplayJob['state'], JobState>> = {
  running: JobState.RUNNING,
  done: JobState.DONE,
  cancelled: JobState.CANCELLED,
};

/** Counts what a replay would send, or begins it as a job. */
export async function replayDeliveries(call: AdminCall, request: ReplayDeliveriesRequest): Promise<Job> {
  const { jobs } = call.operations;
  requireNamed(request.filter);
  const reason = toReason(request);
  const { ratePerSecond, includeStale, includeReplayed, dryRun } = request;
  if (ratePerSecond > RATE_MAX) throw invalidField('rate_per_second', `must be at most ${RATE_MAX}`);
  const { filter, states } = await toQuery(request.filter, call);
  await requireEvents(request.filter, call.journal);
  if (states.length > 0 && !states.includes('dead_lettered')) {
    throw invalidField('filter.states', 'leave out DEAD_LETTERED, and only dead letters are sent again');
  }
  const order = { filter, reason, ratePerSecond: ratePerSecond || RATE_DEFAULT, includeStale, includeReplayed };
  if (dryRun) return toJob(await jobs.count(order));
  const end = call.limits.begin(call.caller, 'job');
  const job = await jobs.begin(order).catch((error: unknown) => {
    end();
    throw error;
  });
  if (job === undefined) {
    end();
    throw tooManyAtOnce(`${RUNNING_JOBS_MAX} jobs run already; wait for one to end, or cancel one`);
  }
  ended(jobs, job.id)
    .finally(end)
    .catch(() => undefined);
  call.onChange({
    change: 'replay',
    reason,
    job: job.id,
    deliveries: job.matched - job.skippedStale - job.skippedReplayed,
  });
  return toJob(job);
}

/** Resolves when a job has ended, or the hub stops. */
async function ended(jobs: AdminCall['operations']['jobs'], id: string): Promise<void> {
  for await (const _ of jobs.watch(id, new AbortController().signal));
}

export async function getJob(call: AdminCall, id: string): Promise<Job> {
  return toJob(await requireJob(call, id));
}

export async function* watchJob(call: AdminCall, id: string, signal: AbortSignal): AsyncGenerator<Job, void> {
  const { jobs } = call.operations;
  await requireJob(call, id);
  let last: ReplayJob | undefined;
  for await (last of jobs.watch(id, signal)) yield toJob(last);
  if (last === undefined) throwUnknown(id);
  if (last.state !== 'running') return;
  throwIfStopping(signal);
  if (!signal.aborted) throw hubStopping('the hub is stopping; the job goes on when it is back');
}

/** Ends a job; `wasRunning`: whether this call did. One that has ended stays as it is. */
export async function cancelJob(call: AdminCall, id: string) {
  const { onChange } = call;
  const { jobs } = call.operations;
  const before = await requireJob(call, id);
  const job = (await jobs.cancel(id)) ?? throwUnknown(id);
  const wasRunning = before.state === 'running' && job.state === 'cancelled';
  if (wasRunning) onChange({ change: 'cancel', job: id, deliveries: job.sent });
  return { job: toJob(job), wasRunning };
}

function toJob(job: ReplayJob): Job {
  return create(JobSchema, {
    id: job.id,
    state: JOB_STATES[job.state],
    matched: BigInt(job.matched),
    skippedStale: BigInt(job.skippedStale),
    skippedReplayed: BigInt(job.skippedReplayed),
    sent: BigInt(job.sent),
    reason: job.reason,
    createTime: timestampFromMs(job.createdAtMs),
    filter: toFilterMessage(job.filter),
    ratePerSecond: job.ratePerSecond,
  });
}

/** A job over adapters that the caller may not see is as one that is not there. @throws {RequestError} JOB_NOT_FOUND */
async function requireJob({ operations: { jobs }, caller }: AdminCall, id: string): Promise<ReplayJob> {
  if (id === '') throw invalidField('id', 'is required');
  const job = (await jobs.find(id)) ?? throwUnknown(id);
  const { adapters = [] } = job.filter;
  const isSeen =
    caller.grants.adapters === undefined || (adapters.length > 0 && adapters.every((one) => seesAdapter(caller, one)));
  return isSeen ? job : throwUnknown(id);
}

function throwUnknown(id: string): never {
  throw new RequestError(
    'JOB_NOT_FOUND',
    `no job has the id ${JSON.stringify(id.slice(0, 128))}, or it is past retention`,
  );
}

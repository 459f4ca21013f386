import type { DeliveryCounts } from '../core/delivery.ts';
import type { DeliveryPosition } from './delivery-page.ts';
import type { ReplayJob } from './replay-job.ts';

/** Goes on with a job, or counts what it would do. */
export interface ReplayStepRequest {
  /** As it stands: running. */
  readonly job: ReplayJob;
  /**
   * Sends at most so many, and no further one once their payloads together have reached limitBytes. Absent: nothing is
   * sent and nothing kept, only counted, by the very same rules.
   */
  readonly bounds?: { readonly limit: number; readonly limitBytes: number };
  /** By the hub's clock. */
  readonly atMs: number;
}

export interface ReplayStepResult {
  /** As it stands now: done once everything was looked at. */
  readonly job: ReplayJob;
}

/** A dead letter on the way of a job. */
export interface DeadLetter extends DeliveryPosition, Pick<DeliveryCounts, 'cycle'> {
  readonly key: string;
  /** The place of the record that made it one. */
  readonly cursor: number;
  /** False: the job's filter does not mean it. */
  readonly isMeant: boolean;
}

/** What a step needs of a journal. */
export interface ReplayGround {
  /** At least those that the job means, after its position, in the order of {@link compareOldestFirst}. */
  readonly deadLetters: Iterable<DeadLetter>;
  newestDeliveredSeq(adapter: string, key: string): number;
  /** Begins a new cycle; the size of the payload. */
  send(deadLetter: DeadLetter): number;
}

/** A step looks at so many dead letters at most, about 10 ms: commits wait no longer for a filter that matches few. */
const LOOKED_MAX = 2_048;

/**
 * One step of a job. The oldest first: events of one key are sent in the order in which they were accepted, and what
 * the job itself delivers never makes a later one of its dead letters stale.
 */
export function takeReplayStep(request: ReplayStepRequest, ground: ReplayGround): ReplayJob {
  const { bounds } = request;
  let { job } = request;
  let [looked, sent, sentBytes] = [0, 0, 0];
  for (const deadLetter of ground.deadLetters) {
    // Something is left, so the job is not done.
    if (looked === LOOKED_MAX || sent === bounds?.limit || (bounds && sentBytes >= bounds.limitBytes)) return job;
    looked++;
    job = { ...job, position: { seq: deadLetter.seq, adapter: deadLetter.adapter } };
    switch (verdictOn(job, deadLetter, ground)) {
      case 'passed_over':
        break;
      case 'stale':
        job = { ...job, skippedStale: job.skippedStale + 1 };
        break;
      case 'replayed':
        job = { ...job, skippedReplayed: job.skippedReplayed + 1 };
        break;
      case 'sent':
        if (bounds !== undefined) {
          sentBytes += ground.send(deadLetter);
          sent++;
        }
        job = { ...job, sent: job.sent + 1 };
        break;
    }
  }
  return { ...job, state: 'done' };
}

function verdictOn(
  { upToCursor, includeStale, includeReplayed }: ReplayJob,
  { adapter, key, seq, cycle, cursor, isMeant }: DeadLetter,
  { newestDeliveredSeq }: ReplayGround,
): 'passed_over' | 'stale' | 'replayed' | 'sent' {
  if (!isMeant || cursor > upToCursor) return 'passed_over';
  if (!includeStale && newestDeliveredSeq(adapter, key) > seq) return 'stale';
  if (!includeReplayed && cycle > 1) return 'replayed';
  return 'sent';
}

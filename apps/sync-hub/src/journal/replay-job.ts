import type { DeliveryCounts } from '../core/delivery.ts';
import type { DeliveryFilter } from './delivery-filter.ts';
import type { DeliveryPosition } from './delivery-page.ts';

/** Dead letters that an operator asked to send again, and how far the hub is with it. */
export interface ReplayJob {
  readonly id: string;
  /** The name of the hub that runs it, where several share the journal. */
  readonly hub?: string;
  readonly state: 'running' | 'done' | 'cancelled';
  readonly filter: DeliveryFilter;
  readonly ratePerSecond: number;
  /** Why it was asked for. */
  readonly reason: string;
  /** Also those whose key has a newer delivered event. */
  readonly includeStale: boolean;
  /** Also those that were replayed before. */
  readonly includeReplayed: boolean;
  readonly createdAtMs: number;
  /** Of each lane the newest record then: only what was a dead letter by then is sent, not what dies again after it. */
  readonly upTo: Readonly<Record<string, number>>;
  /** Deliveries that matched when it was made. */
  readonly matched: number;
  readonly skippedStale: number;
  readonly skippedReplayed: number;
  readonly sent: number;
  /** Everything up to here was looked at, the oldest first; absent before the first. */
  readonly position?: DeliveryPosition;
}

/** Continues a job, or counts what it would do. */
export interface ReplayStepRequest {
  /** Its state: running. */
  readonly job: ReplayJob;
  /**
   * Sends at most this many, and no further one once their payloads together have reached limitBytes. Absent: nothing is
   * sent and nothing kept, only counted, by the very same rules.
   */
  readonly bounds?: { readonly limit: number; readonly limitBytes: number };
  /** By the hub's clock. */
  readonly atMs: number;
  readonly nowMs: number;
}

export interface ReplayStepResult {
  /** Its state now: done once everything was looked at. */
  readonly job: ReplayJob;
}

/** A dead letter on the way of a job. */
export interface DeadLetter extends DeliveryPosition, Pick<DeliveryCounts, 'cycle' | 'attempts'> {
  readonly key: string;
  /** Of the record that made it one. */
  readonly position: number;
  /** False: the job's filter does not mean it. */
  readonly isSelected: boolean;
}

/** What a step needs of a journal. */
export interface ReplayGround {
  /** At least those that the job means, after its position, in the order of {@link compareOldestFirst}. */
  readonly deadLetters: Iterable<DeadLetter>;
  /**
   * The newest event of a key that the adapter delivered since the key got its first dead letter there; 0 when there
   * is none. A dead letter of the key with a lower seq is stale: sent again, it would follow a newer one.
   */
  newestDeliveredSeq(adapter: string, key: string): number;
  /** Begins a new cycle: it waits again, with nothing spent. Answers how large its payload is. */
  reopen(deadLetter: DeadLetter): number;
}

/** A step looks at this many dead letters at most, about 10 ms: commits wait no longer for a filter that matches few. */
const SCAN_MAX = 2_048;

/**
 * One step of a job. The oldest first: events of one key are sent in the order in which they were accepted, and what
 * the job itself delivers never makes a later one of its dead letters stale.
 */
export function runReplayStep({ bounds, ...request }: ReplayStepRequest, ground: ReplayGround): ReplayStepResult {
  let { job } = request;
  let [scanned, sent, sentBytes] = [0, 0, 0];
  for (const deadLetter of ground.deadLetters) {
    // Something is left, so the job is not done.
    const isFull = bounds !== undefined && (sent === bounds.limit || sentBytes >= bounds.limitBytes);
    if (scanned === SCAN_MAX || isFull) return { job };
    scanned++;
    job = { ...job, position: { seq: deadLetter.seq, adapter: deadLetter.adapter } };
    switch (verdictOn(job, deadLetter, ground)) {
      case 'not_selected':
        break;
      case 'stale':
        job = { ...job, skippedStale: job.skippedStale + 1 };
        break;
      case 'replayed':
        job = { ...job, skippedReplayed: job.skippedReplayed + 1 };
        break;
      case 'sent':
        if (bounds !== undefined) {
          sent++;
          sentBytes += ground.reopen(deadLetter);
        }
        job = { ...job, sent: job.sent + 1 };
        break;
    }
  }
  return { job: { ...job, state: 'done' } };
}

function verdictOn(
  { upTo, includeStale, includeReplayed }: ReplayJob,
  { adapter, key, seq, cycle, attempts, position, isSelected }: DeadLetter,
  { newestDeliveredSeq }: ReplayGround,
): 'not_selected' | 'stale' | 'replayed' | 'sent' {
  if (!isSelected || position > (upTo[adapter] ?? 0)) return 'not_selected';
  if (!includeStale && newestDeliveredSeq(adapter, key) > seq) return 'stale';
  // Without an attempt it was not sent: a newer event of its key was on its way.
  if (!includeReplayed && cycle > 1 && attempts > 0) return 'replayed';
  return 'sent';
}

import type { ReplayStepRequest } from '../src/journal/replay-step.ts';

/**
 * How a delivery stands that was replayed in this life of the process. After another start nobody knows who may follow:
 * those that are open then go in the order of their key.
 */
export type ReplayStanding =
  /** Also a newer event of its key that was delivered. */
  | 'may_follow'
  | 'may_not_follow'
  /** A newer one was on its way: that it is a dead letter again is on its way to the disk, or there. */
  | 'not_sent';

/** A person sends the dead letters of one event again, with a job that is done in one step. */
export function replayStep(
  filter: { readonly eventIds: readonly [string]; readonly adapters: readonly [string] },
  { includeStale, atMs }: { readonly includeStale: boolean; readonly atMs: number },
): ReplayStepRequest {
  const job = {
    id: `${filter.eventIds} at ${filter.adapters}`,
    state: 'running',
    filter,
    ratePerSecond: 1,
    reason: 'by the simulation',
    includeStale,
    includeReplayed: true,
    createdAtMs: atMs,
    upToCursor: Number.MAX_SAFE_INTEGER,
    matched: 1,
    skippedStale: 0,
    skippedReplayed: 0,
    sent: 0,
  } as const;
  return { job, atMs, bounds: { limit: 2, limitBytes: Number.POSITIVE_INFINITY } };
}

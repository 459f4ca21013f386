import type { DeliveryRecord, EndedAttempt } from '../core/delivery.ts';
import type { RecordEffect } from '../core/lane-messages.ts';

/** What the core wants recorded, in the journal's words. `nowMs`: milliseconds since 1970 by the hub's clock. */
export function deliveryRecord(
  { event, counts, state, nextAttemptInMs, attempt }: RecordEffect,
  { adapter, nowMs }: { adapter: { readonly id: string; readonly version: string }; nowMs: number },
): DeliveryRecord {
  return {
    adapter: adapter.id,
    seq: event.seq,
    eventId: event.id,
    source: event.source,
    key: event.key,
    adapterVersion: attempt === undefined ? '' : adapter.version,
    state,
    ...counts,
    atMs: nowMs,
    nextAttemptAtMs: nextAttemptInMs === undefined ? 0 : Math.ceil(nowMs + nextAttemptInMs),
    ...(attempt !== undefined && { attempt: endedAttempt(attempt, nowMs) }),
  };
}

function endedAttempt({ durationMs, outcome }: NonNullable<RecordEffect['attempt']>, nowMs: number): EndedAttempt {
  const ended = { startedAtMs: Math.floor(nowMs - durationMs), durationMs, outcome: outcome.kind };
  if (outcome.kind === 'delivered') return { ...ended, receipt: outcome.receipt };
  return { ...ended, receipt: '', failure: outcome.failure };
}

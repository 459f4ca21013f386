import type { EndedAttempt, RecordedDelivery } from '../core/delivery.ts';
import type { SyncEvent } from '../core/event.ts';
import { outcomeKind, recordedState } from './codes.ts';

/** What every store keeps of a record, in this order. */
export type RecordColumns = readonly [
  ...[adapter: number, position: number, seq: number, version: string, state: number],
  ...[cycle: number, attempts: number, spent: number, crashes: number, atMs: number, nextAttemptAtMs: number],
  // Null, like what comes after it, when no attempt led here; the message is then why none was made, or null.
  ...[outcome: number | null, startedAtMs: number | null, durationMs: number | null, receipt: string | null],
  ...[code: string | null, message: string | null],
];

/** A record, by the id of its adapter and what it says of its event. */
export function recordFromColumns(
  columns: readonly [...RecordColumns, ...unknown[]],
  adapter: string,
  { id, source, key }: Pick<SyncEvent, 'id' | 'source' | 'key'>,
): RecordedDelivery {
  const [, position, seq, adapterVersion, state, cycle, attempts, spent, crashes, atMs, nextAttemptAtMs] = columns;
  const attempt = attemptFromColumns(columns);
  const reason = attempt === undefined ? columns[16] : null;
  return {
    ...{ adapter, seq, eventId: id, source, key, adapterVersion, state: recordedState(state) },
    ...{ cycle, attempts, spent, crashes, atMs, nextAttemptAtMs },
    ...(attempt !== undefined && { attempt }),
    ...(reason !== null && { reason }),
    position,
  };
}

function attemptFromColumns(columns: readonly [...RecordColumns, ...unknown[]]): EndedAttempt | undefined {
  const [outcome, startedAtMs, durationMs, receipt, code, message] = columns.slice(11) as unknown as [
    ...[outcome: number | null, startedAtMs: number, durationMs: number, receipt: string | null],
    ...[code: string | null, message: string | null],
  ];
  if (outcome === null) return undefined;
  const attempt = { startedAtMs, durationMs, outcome: outcomeKind(outcome), receipt: receipt ?? '' };
  return code === null ? attempt : { ...attempt, failure: { code, message: message ?? '' } };
}

import type { EndedAttempt, RecordedDelivery } from '../../core/delivery.ts';
import type { AcceptedEvent } from '../../core/event.ts';
import type { Adapters } from './adapters.ts';
import { outcomeKind, recordedState } from './codes.ts';

/** What {@link EventRow} is read from; `event` must be in the query's FROM. */
export const EVENT_COLUMNS = `
  event.seq, event.id, event.source, event.type, event.key, event.time_ms, event.content_type, event.attributes,
  event.accepted_at_ms, event.data,
  (SELECT group_concat(sibling.adapter) FROM delivery AS sibling WHERE sibling.seq = event.seq) AS adapters`;

export interface EventRow {
  readonly seq: number;
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly key: string;
  readonly time_ms: number;
  readonly content_type: string;
  readonly attributes: string;
  readonly accepted_at_ms: number;
  readonly data: Uint8Array;
  readonly adapters: string | null;
}

/** Every column of the table record. */
export interface RecordRow {
  readonly cursor: number;
  readonly previous: number;
  readonly seq: number;
  readonly adapter: number;
  readonly version: string;
  readonly state: number;
  readonly cycle: number;
  readonly attempts: number;
  readonly spent: number;
  readonly crashes: number;
  readonly at_ms: number;
  readonly next_attempt_at_ms: number;
  /** Null, like the columns after it, when no attempt led here. */
  readonly outcome: number | null;
  readonly started_at_ms: number | null;
  readonly duration_ms: number | null;
  readonly receipt: string | null;
  /** Null, like message, when the attempt delivered. */
  readonly code: string | null;
  readonly message: string | null;
}

export function eventFromRow(row: EventRow, adapters: Adapters): AcceptedEvent {
  return {
    id: row.id,
    source: row.source,
    type: row.type,
    key: row.key,
    timeMs: row.time_ms,
    data: row.data,
    dataContentType: row.content_type,
    attributes: JSON.parse(row.attributes),
    seq: row.seq,
    acceptedAtMs: row.accepted_at_ms,
    adapters: adapters.list(row.adapters),
  };
}

export function recordFromRow(row: RecordRow, eventId: string, adapters: Adapters): RecordedDelivery {
  const attempt = attemptFromRow(row);
  return {
    adapter: adapters.id(row.adapter),
    seq: row.seq,
    eventId,
    adapterVersion: row.version,
    state: recordedState(row.state),
    cycle: row.cycle,
    attempts: row.attempts,
    spent: row.spent,
    crashes: row.crashes,
    atMs: row.at_ms,
    nextAttemptAtMs: row.next_attempt_at_ms,
    ...(attempt === undefined ? {} : { attempt }),
    cursor: row.cursor,
  };
}

function attemptFromRow(row: RecordRow): EndedAttempt | undefined {
  const { outcome, started_at_ms: startedAtMs, duration_ms: durationMs, receipt, code, message } = row;
  if (outcome === null || startedAtMs === null || durationMs === null) return undefined;
  const attempt = { startedAtMs, durationMs, outcome: outcomeKind(outcome), receipt: receipt ?? '' };
  return code === null ? attempt : { ...attempt, failure: { code, message: message ?? '' } };
}

import { createHash } from 'node:crypto';
import type { DeliveryRecord, EndedAttempt, RecordedDelivery } from '../../core/delivery.ts';
import type { AcceptedEvent, SyncEvent } from '../../core/event.ts';
import type { DeliveryFilter } from '../delivery-filter.ts';
import type { AcceptRequest, AcceptResult, Journal, RecordRequest } from '../journal.ts';
import type { ReplayJob } from '../replay-job.ts';

/**
 * The sample event and the sample record of every test of the hub: another one is one of these with changes. The story
 * is that of a telehealth service.
 */

export function sampleEvent(id: string, changes: Partial<SyncEvent> = {}): SyncEvent {
  return {
    id,
    source: 'hms-api',
    type: 'ProcessUpdated',
    key: 'process-7',
    timeMs: 1_790_000_000_000,
    data: new TextEncoder().encode(`{"processId":"process-7","by":"${id}"}`),
    dataContentType: 'application/json',
    attributes: { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
    ...changes,
  };
}

/** What the monotonic clock of the samples says. */
export const NOW_MS = 1_790_000_000_500;

/** `content` stands for all that the publisher said: the same identity with another one is a conflict. */
export function sampleAccept(
  event: SyncEvent,
  { content = event.id, nowMs = NOW_MS }: { content?: string; nowMs?: number } = {},
): AcceptRequest {
  const contentHash = createHash('sha256').update(content).digest();
  return { event, contentHash, publishedBy: 'token hms-api', acceptedAtMs: 1_790_000_000_500, nowMs };
}

export function newEvent(result: AcceptResult): AcceptedEvent {
  if (result.kind !== 'accepted') throw new Error(`the event was not accepted but ${result.kind}`);
  return result.event;
}

/** Of an event what its records say. */
export type EventOfRecord = Pick<AcceptedEvent, 'seq' | 'id'> & Partial<Pick<AcceptedEvent, 'source' | 'key'>>;

/** Says that a delivery was delivered at its first attempt. */
export function sampleRecord(event: EventOfRecord, changes: Partial<DeliveryRecord> = {}): DeliveryRecord {
  return {
    adapter: 'billing',
    seq: event.seq,
    eventId: event.id,
    source: event.source ?? 'hms-api',
    key: event.key ?? 'process-7',
    adapterVersion: '1.4.0',
    state: 'delivered',
    cycle: 1,
    attempts: 1,
    spent: 1,
    crashes: 0,
    atMs: 1_790_000_001_000,
    nextAttemptAtMs: 0,
    attempt: deliveredAttempt,
    ...changes,
  };
}

export const deliveredAttempt: EndedAttempt = {
  startedAtMs: 1_790_000_000_900,
  durationMs: 99.5,
  outcome: 'delivered',
  receipt: '{"status":"ok"}',
};

export const failedAttempt: EndedAttempt = {
  startedAtMs: 1_790_000_000_900,
  durationMs: 40,
  outcome: 'retryable',
  receipt: '',
  failure: { code: 'HTTP_503', message: 'The system answered 503.' },
};

export function retrying(event: EventOfRecord, changes: Partial<DeliveryRecord> = {}) {
  const nextAttemptAtMs = 1_790_000_009_000;
  return sampleRecord(event, { state: 'retrying', attempt: failedAttempt, nextAttemptAtMs, ...changes });
}

export function deadLettered(event: EventOfRecord, changes: Partial<DeliveryRecord> = {}) {
  return sampleRecord(event, { state: 'dead_lettered', attempt: failedAttempt, ...changes });
}

/** A record of which no attempt is part. */
export function withoutAttempt(
  event: EventOfRecord,
  changes: Partial<DeliveryRecord> & Pick<DeliveryRecord, 'state'>,
): DeliveryRecord {
  const { attempt: _, ...record } = sampleRecord(event, { attempts: 0, spent: 0, adapterVersion: '', ...changes });
  return record;
}

/** The record at a position of its lane, by default of another event for each position. */
export function recordAt(position: number, changes: Partial<RecordedDelivery> = {}): RecordedDelivery {
  const seq = changes.seq ?? position;
  const atMs = 1_790_000_000_000 + position;
  return { ...sampleRecord({ seq, id: `e${seq}`, key: '' }, { atMs, ...changes }), position };
}

/** A record as its lane asks for it; a retry is not due before long. @param epoch of a lane that was opened first: 1 */
export function recordRequest(record: DeliveryRecord, epoch = 1): RecordRequest {
  const dueAtMs = record.state === 'retrying' ? Number.MAX_SAFE_INTEGER : 0;
  return { record, epoch, nowMs: NOW_MS, dueAtMs, notBeforeMs: 0 };
}

/** Every record of these lanes. */
export const ALL_RECORDS = { billing: 1e9, records: 1e9, scheduling: 1e9 };

/** A replay job of all dead letters that just began. */
export function sampleJob(changes: Partial<ReplayJob> = {}): ReplayJob {
  return {
    id: 'job-1',
    state: 'running',
    filter: {},
    ratePerSecond: 50,
    reason: 'billing is back, says Dana',
    includeStale: false,
    includeReplayed: false,
    createdAtMs: 1_790_000_100_000,
    upTo: ALL_RECORDS,
    matched: 0,
    skippedStale: 0,
    skippedReplayed: 0,
    sent: 0,
    ...changes,
  };
}

const UNBOUNDED = { limit: 1_000, limitBytes: Number.POSITIVE_INFINITY };

/** An operator sends the dead letters again that a filter means, whatever is known against it. The job as it ended. */
export async function replayAll(journal: Journal, filter: DeliveryFilter, atMs = 5_000): Promise<ReplayJob> {
  const job = sampleJob({ filter, includeStale: true, includeReplayed: true });
  return (await journal.stepReplay({ job, atMs, nowMs: NOW_MS, bounds: UNBOUNDED })).job;
}

/** Of the dead letters that a filter means, how many are stale: a newer event of their key was delivered. */
export async function countStale(journal: Journal, filter: DeliveryFilter): Promise<number> {
  const job = sampleJob({ filter, includeReplayed: true });
  return (await journal.stepReplay({ job, atMs: 5_000, nowMs: NOW_MS })).job.skippedStale;
}

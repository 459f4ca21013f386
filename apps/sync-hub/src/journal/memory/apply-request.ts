import { Buffer } from 'node:buffer';
import type { DeliveryRecord, OpenDelivery } from '../../core/delivery.ts';
import type { AcceptedEvent } from '../../core/event.ts';
import { type DiscardRequest, type DiscardResult, discardRecord } from '../dead-letter.ts';
import {
  type AcceptRequest,
  type DeliveryTotals,
  type FetchRequest,
  type FetchResult,
  JournalError,
  type ReadRecordsRequest,
  type ReadRecordsResult,
  readRecordsShare,
  type StoredDelivery,
  type StoredEvent,
} from '../journal.ts';
import type { ReplayJob } from '../replay-job.ts';
import { type DeadLetter, type ReplayStepRequest, takeReplayStep } from '../replay-step.ts';
import type { JournalAnswer, JournalAnswers, JournalRequest } from '../request.ts';
import { countMatching, deadLetterKeys, deadLettersAfter, listMatching } from './listing.ts';
import type { DeliveryOnDisk, MemoryDisk } from './memory-disk.ts';
import { prune } from './prune.ts';
import { waiting } from './waiting.ts';
import { newestDeliveredSeq, watch } from './watched-keys.ts';

/** Applies one request to the disk and gives its answer. Throws FAILED for what a journal cannot do. */
export function applyRequest(disk: MemoryDisk, request: JournalRequest): JournalAnswer {
  switch (request.kind) {
    case 'accept':
      return accept(disk, request.accept);
    case 'record':
      return record(disk, request.record);
    case 'saveBreaker':
      disk.breakers.set(request.breaker.adapter, request.breaker);
      return undefined;
    case 'stepReplay':
      return stepReplay(disk, request.step);
    case 'discard':
      return discard(disk, request.discard);
    case 'saveJob':
      disk.jobs.set(request.job.id, request.job);
      return undefined;
    case 'saveLanePause':
      if (request.lane.pause === undefined) disk.pausedLanes.delete(request.lane.adapter);
      else disk.pausedLanes.set(request.lane.adapter, request.lane);
      return undefined;
    case 'prune':
      return prune(disk, request.prune);
    case 'fetchOpen':
      return fetchOpen(disk, request.fetch);
    case 'readEvent':
      return readEvent(disk, request.id);
    case 'readRecords':
      return readRecords(disk, request.read);
    case 'readBreakers':
      return [...disk.breakers.values()].sort(byAdapter);
    case 'countDeliveries':
      return countDeliveries(disk);
    case 'listDeliveries':
      return listMatching(disk, request.list);
    case 'countSome':
      return countMatching(disk, request);
    case 'readDeadLetterKeys':
      return deadLetterKeys(disk, request.adapter);
    case 'readJobs':
      return [...disk.jobs.values()].sort(byCreation);
    case 'readLanes':
      return [...disk.pausedLanes.values()].sort(byAdapter);
    case 'readStatistics':
      return { sizeBytes: sizeBytes(disk), commitLatencyMs: undefined, waiting: waiting(disk) };
    default:
      return request satisfies never;
  }
}

function accept(disk: MemoryDisk, request: AcceptRequest): JournalAnswers['accept'] {
  const { event, contentHash, acceptedAtMs, adapters } = request;
  const known = disk.eventsById.get(event.id);
  if (known !== undefined) {
    const isSame = Buffer.compare(known.contentHash, contentHash) === 0;
    return isSame ? { event: known.event, lastCursor: known.lastCursor } : 'conflict';
  }
  if (disk.isFull) return { kind: 'full', freeBytes: 0, reserveBytes: 2 ** 26 };
  const seq = disk.events.length + 1;
  const stored = {
    // Copied as a disk does: the caller may use its buffer again.
    event: { ...event, data: Uint8Array.from(event.data), seq, acceptedAtMs, adapters },
    contentHash: Uint8Array.from(contentHash),
    lastCursor: disk.records.length,
    deliveries: new Map(adapters.map((adapter) => [adapter, newDelivery(adapter)])),
  };
  for (const adapter of adapters) disk.adapters.add(adapter);
  disk.events.push(stored);
  disk.eventsById.set(event.id, stored);
  return seq;
}

function newDelivery(adapter: string): DeliveryOnDisk {
  return {
    adapter,
    state: 'waiting',
    cycle: 1,
    attempts: 0,
    spent: 0,
    crashes: 0,
    notBeforeMs: 0,
    reopenedAtMs: undefined,
    records: [],
  };
}

function record(disk: MemoryDisk, step: DeliveryRecord): number {
  const { adapter, seq, state, cycle, attempts, spent, crashes } = step;
  const stored = disk.events[seq - 1];
  const delivery = stored?.deliveries.get(adapter);
  if (stored === undefined || delivery === undefined) {
    throw new JournalError(
      'FAILED',
      `A record names a delivery that does not exist: event ${seq}, adapter ${adapter}.`,
    );
  }
  const recorded = { ...step, cursor: disk.records.length + 1 };
  disk.records.push(recorded);
  watch(disk, { adapter, key: stored.event.key, seq, state });
  stored.deliveries.set(adapter, {
    ...delivery,
    state,
    cycle,
    attempts,
    spent,
    crashes,
    notBeforeMs: step.nextAttemptAtMs,
    records: [...delivery.records, recorded],
  });
  return recorded.cursor;
}

function reopen(disk: MemoryDisk, { adapter, seq }: DeadLetter, atMs: number): OpenDelivery {
  const stored = disk.events[seq - 1];
  const delivery = stored?.deliveries.get(adapter);
  if (stored === undefined || delivery === undefined) {
    throw new JournalError('FAILED', `Event ${seq} is no dead letter at ${adapter}.`);
  }
  const begun = { cycle: delivery.cycle + 1, attempts: 0, spent: 0, crashes: 0, notBeforeMs: 0 };
  stored.deliveries.set(adapter, { ...delivery, ...begun, state: 'waiting', reopenedAtMs: atMs });
  return { event: stored.event, ...begun, asOfMs: atMs };
}

function stepReplay(disk: MemoryDisk, step: ReplayStepRequest): JournalAnswers['stepReplay'] {
  const taken = takeReplayStep(step, {
    deadLetters: deadLettersAfter(disk, step.job),
    newestDeliveredSeq: (adapter, key) => newestDeliveredSeq(disk, { adapter, key }),
    reopen: (deadLetter, atMs) => reopen(disk, deadLetter, atMs),
  });
  if (step.bounds !== undefined) disk.jobs.set(taken.job.id, taken.job);
  return taken;
}

function discard(disk: MemoryDisk, { adapter, seq, atMs, reason }: DiscardRequest): DiscardResult {
  const stored = disk.events[seq - 1];
  const delivery = stored?.deliveries.get(adapter);
  if (stored === undefined || delivery === undefined) return { kind: 'unknown' };
  if (delivery.state !== 'dead_lettered') return { kind: 'not_dead_letter', state: delivery.state };
  const step = discardRecord({ adapter, seq, eventId: stored.event.id, counts: delivery, atMs, reason });
  const cursor = record(disk, step);
  return { kind: 'discarded', record: { ...step, cursor } };
}

function fetchOpen(disk: MemoryDisk, request: FetchRequest): FetchResult {
  const toSeq = Math.min(request.upToSeq ?? Number.POSITIVE_INFINITY, disk.events.length);
  const deliveries: FetchResult['deliveries'][number][] = [];
  let payloadBytes = 0;
  for (let seq = request.afterSeq + 1; seq <= toSeq; seq++) {
    const stored = disk.events[seq - 1];
    const delivery = stored?.deliveries.get(request.adapter);
    if (stored === undefined || delivery === undefined || !isOpen(delivery)) continue;
    if (request.key !== undefined && stored.event.key !== request.key) continue;
    payloadBytes += stored.event.data.byteLength;
    const last = deliveries.at(-1);
    if (last !== undefined && payloadBytes > request.limitBytes) {
      return { deliveries, scannedToSeq: last.event.seq };
    }
    const { cycle, attempts, spent, crashes, notBeforeMs } = delivery;
    deliveries.push({
      event: stored.event,
      cycle,
      attempts,
      spent,
      crashes,
      notBeforeMs,
      asOfMs: asOfMs(stored.event, delivery),
    });
    if (deliveries.length === request.limit) return { deliveries, scannedToSeq: seq };
  }
  return { deliveries, scannedToSeq: Math.max(request.afterSeq, toSeq) };
}

function asOfMs({ acceptedAtMs }: AcceptedEvent, { state, records, reopenedAtMs }: DeliveryOnDisk): number {
  return (state === 'retrying' ? records.at(-1)?.atMs : reopenedAtMs) ?? acceptedAtMs;
}

function readEvent(disk: MemoryDisk, id: string): StoredEvent | undefined {
  const stored = disk.eventsById.get(id);
  if (stored === undefined) return undefined;
  const recordsMax = readRecordsShare(stored.deliveries.size);
  const deliveries = [...stored.deliveries.values()].map((delivery) => storedDelivery(delivery, recordsMax));
  return { event: stored.event, deliveries: deliveries.sort(byAdapter) };
}

function storedDelivery(
  { notBeforeMs: _, reopenedAtMs: __, ...delivery }: DeliveryOnDisk,
  recordsMax: number,
): StoredDelivery {
  const { records } = delivery;
  return { ...delivery, records: records.slice(-recordsMax), hasOlderRecords: records.length > recordsMax };
}

function readRecords(disk: MemoryDisk, { afterCursor, limit }: ReadRecordsRequest): ReadRecordsResult {
  // filter leaves out the holes of what was deleted.
  const records = disk.records
    .slice(afterCursor)
    .filter(() => true)
    .slice(0, limit);
  const last = records.length === limit ? records.at(-1) : undefined;
  const scannedToCursor = last?.cursor ?? Math.max(afterCursor, disk.records.length);
  return { records, scannedToCursor };
}

function countDeliveries(disk: MemoryDisk): readonly DeliveryTotals[] {
  const totals = new Map<string, { adapter: string; unsettled: number; deadLetters: number }>();
  for (const adapter of disk.adapters) totals.set(adapter, { adapter, unsettled: 0, deadLetters: 0 });
  disk.events.forEach(({ deliveries }) => {
    for (const delivery of deliveries.values()) {
      const total = totals.get(delivery.adapter);
      if (total === undefined) continue;
      if (isOpen(delivery)) total.unsettled++;
      if (delivery.state === 'dead_lettered') total.deadLetters++;
    }
  });
  return [...totals.values()].sort(byAdapter);
}

function isOpen({ state }: DeliveryOnDisk): boolean {
  return state === 'waiting' || state === 'retrying';
}

function sizeBytes(disk: MemoryDisk): number {
  return disk.events.reduce((sum, { event }) => sum + event.data.byteLength, 0);
}

function byAdapter(left: { adapter: string }, right: { adapter: string }): number {
  return left.adapter < right.adapter ? -1 : 1;
}

function byCreation(left: ReplayJob, right: ReplayJob): number {
  return left.createdAtMs - right.createdAtMs || (left.id < right.id ? -1 : 1);
}

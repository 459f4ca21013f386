import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeliveryRecord } from '../../core/delivery.ts';
import type { AcceptedEvent } from '../../core/event.ts';
import type { AcceptRequest, RecordRequest } from '../journal.ts';
import { openSqliteJournal } from './sqlite-journal.ts';

export interface JournalBenchOptions {
  /** How many events are on their way at the same time: accepted, but not all of their outcomes recorded. */
  readonly outstanding: number;
  readonly durationMs: number;
  /** Not counted: until code is compiled and the file has grown. */
  readonly warmUpMs: number;
  /** Where the journal's folder is made; default: the system's folder for temporary files. */
  readonly parentFolder?: string;
}

export interface JournalBenchResult {
  readonly outstanding: number;
  /** Events whose acceptance and three outcomes were on disk. */
  readonly eventsPerSecond: number;
  /** From the request to accept to its answer. */
  readonly acceptP50Ms: number;
  readonly acceptP99Ms: number;
  /** The median of the last transactions, from BEGIN to the return of COMMIT; NaN when there was none. */
  readonly commitP50Ms: number;
  /** The part of one core that the thread of the caller spent on it: 0 to 1. */
  readonly callerCpu: number;
  /** CPU microseconds of both threads for each event. */
  readonly cpuMicrosPerEvent: number;
}

const ADAPTERS = ['billing', 'records', 'scheduling'];
const PAYLOAD_BYTES = 300;
/** As many things change at a time. */
const KEYS = 1_000;

/** How many events a second the journal alone takes: accepts each for three adapters and records that they delivered. */
export async function benchJournal(options: JournalBenchOptions): Promise<JournalBenchResult> {
  const folder = await mkdtemp(join(options.parentFolder ?? tmpdir(), 'hms-sync-bench-'));
  const open = new Map<number, number>();
  const latenciesMs: number[] = [];
  let settledEvents = 0;
  let acceptedEvents = 0;
  let isMeasuring = false;
  let isOver = false;
  const journal = await openSqliteJournal({ folder });
  await journal.setReceivers(ADAPTERS);
  const epochs = new Map<string, number>();
  for (const adapter of ADAPTERS) {
    const nowMs = Date.now();
    const { epoch } = await journal.openLane({ adapter, onDeadLetter: 'continue', nowMs, longestWaitMs: 3_600_000 });
    epochs.set(adapter, epoch);
  }
  journal.subscribe({
    committed({ records, lanes }) {
      for (const [adapter, { ready }] of lanes) {
        for (const { event } of ready) {
          open.set(event.seq, open.get(event.seq) ?? ADAPTERS.length);
          void journal.record(deliveredRecord(event, { adapter, epoch: epochs.get(adapter) ?? 0 }));
        }
      }
      for (const { seq } of records) {
        const left = (open.get(seq) ?? 0) - 1;
        if (left > 0) open.set(seq, left);
        else {
          open.delete(seq);
          settledEvents++;
          if (!isOver) void accept();
        }
      }
    },
    ended(error) {
      throw error;
    },
  });
  const accept = async () => {
    const startedMs = performance.now();
    await journal.accept(newEvent(acceptedEvents++));
    if (isMeasuring) latenciesMs.push(performance.now() - startedMs);
  };
  for (let count = 0; count < options.outstanding; count++) void accept();
  await elapse(options.warmUpMs);
  isMeasuring = true;
  const settledBefore = settledEvents;
  const cpuBefore = process.threadCpuUsage();
  const processCpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  await elapse(options.durationMs);
  const seconds = (performance.now() - startedMs) / 1_000;
  const settled = settledEvents - settledBefore;
  const cpu = process.threadCpuUsage(cpuBefore);
  const processCpu = process.cpuUsage(processCpuBefore);
  isMeasuring = false;
  isOver = true;
  const { commitLatencyMs } = await journal.readStatistics();
  await journal.close();
  await rm(folder, { recursive: true });
  latenciesMs.sort((left, right) => left - right);
  return {
    outstanding: options.outstanding,
    eventsPerSecond: Math.round(settled / seconds),
    acceptP50Ms: percentile(latenciesMs, 0.5),
    acceptP99Ms: percentile(latenciesMs, 0.99),
    commitP50Ms: commitLatencyMs ?? Number.NaN,
    callerCpu: (cpu.user + cpu.system) / 1e6 / seconds,
    cpuMicrosPerEvent: Math.round((processCpu.user + processCpu.system) / settled),
  };
}

function newEvent(number: number): AcceptRequest {
  const acceptedAtMs = Date.now();
  return {
    event: {
      id: `01990000-0000-7000-8000-${String(number).padStart(12, '0')}`,
      source: 'hms-api',
      type: 'ProcessUpdated',
      key: `process-${number % KEYS}`,
      timeMs: acceptedAtMs,
      data: new Uint8Array(PAYLOAD_BYTES).fill(number),
      dataContentType: 'application/json',
      attributes: { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
    },
    contentHash: new Uint8Array(32).fill(number),
    publishedBy: 'token hms-api',
    acceptedAtMs,
    nowMs: acceptedAtMs,
  };
}

function deliveredRecord(event: AcceptedEvent, { adapter, epoch }: { adapter: string; epoch: number }): RecordRequest {
  const atMs = Date.now();
  const record: DeliveryRecord = {
    adapter,
    seq: event.seq,
    eventId: event.id,
    source: event.source,
    key: event.key,
    adapterVersion: '0.1.0',
    state: 'delivered',
    cycle: 1,
    attempts: 1,
    spent: 1,
    crashes: 0,
    atMs,
    nextAttemptAtMs: 0,
    attempt: { startedAtMs: atMs, durationMs: 1, outcome: 'delivered', receipt: `receipt-${event.seq}` },
  };
  return { record, epoch, nowMs: atMs, dueAtMs: 0, notBeforeMs: 0 };
}

function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

function elapse(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

/** Run by itself it prints one result as a line of JSON: `journal.bench.ts <outstanding> <seconds>`. */
if (import.meta.main) {
  const [outstanding = 1_024, seconds = 5] = process.argv.slice(2).map(Number);
  console.log(JSON.stringify(await benchJournal({ outstanding, durationMs: seconds * 1_000, warmUpMs: 1_000 })));
}

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startHub } from './hub-process.ts';
import { percentiles } from './percentiles.ts';
import { type PublishLoad, publishLoad } from './publish-load.ts';
import { nowMs, type TraceLine } from './trace-lines.ts';

/**
 * `npm run bench -- --trace`: the way of an event from the publisher through the hub and an adapter and back, with the time
 * between each two boundaries, of every delivery. What the tracing costs is part of it, a tenth or so.
 */

/** The boundaries in their order, and what happens before each. */
const WAY: readonly (readonly [boundary: string, before: string])[] = [
  ['written', ''],
  ['read', 'publisher to hub'],
  ['requested', 'checked'],
  ['begun', 'waits for the journal'],
  ['on disk', 'accepted: transaction and fsync'],
  ['heard', 'back to the main thread'],
  ['attempt', 'lane begins the attempt'],
  ['sent', 'waits for its message to the adapter'],
  ['adapter', 'hub to adapter'],
  ['outcome', 'adapter to hub'],
  ['record requested', 'lane concludes'],
  ['record begun', 'waits for the journal'],
  ['record on disk', 'recorded: transaction and fsync'],
  ['record heard', 'back to the main thread'],
  ['ack written', 'put into a message of acks'],
  ['ack read', 'hub to publisher'],
];

/** Times of one delivery by the names above. */
type Times = Map<string, number>;

export interface TraceOptions extends Omit<PublishLoad, 'address' | 'adapters' | 'onWritten' | 'onAcks'> {
  readonly adapters: readonly string[];
  readonly warmUpSeconds: number;
}

/** Runs a traced hub under the load and prints the way of its events. */
export async function printTrace({ adapters, warmUpSeconds, ...load }: TraceOptions): Promise<void> {
  const traceFolder = await mkdtemp(join(tmpdir(), 'hms-sync-trace-'));
  const own: TraceLine[] = [];
  const receivedBy = new Map<string, number>();
  const hub = await startHub({ adapters, traceFolder });
  try {
    const toHub = { ...load, address: hub.address, adapters: adapters.length };
    await publishLoad({ ...toHub, seconds: warmUpSeconds });
    const { eventsPerSecond, latencyMs } = await publishLoad({
      ...toHub,
      onWritten: (ids) => own.push(['written', nowMs(), ids]),
      onAcks: (acks) => {
        const ids = acks.map(({ eventId, adapter }) => `${eventId} ${adapter}`);
        acks.forEach(({ receipt }, place) => {
          if (receipt !== '') receivedBy.set(ids[place] ?? '', Number(receipt));
        });
        own.push(['ack read', nowMs(), ids]);
      },
    });
    console.log(`${load.inFlight} in flight: ${eventsPerSecond.toFixed(0)} events/s while traced`);
    console.log(`latency: p50 ${latencyMs.p50.toFixed(1)} ms, p99 ${latencyMs.p99.toFixed(1)} ms\n`);
  } finally {
    await hub.stop();
  }
  const [main, journal] = await Promise.all([linesOf(traceFolder, 'main'), linesOf(traceFolder, 'journal')]);
  await rm(traceFolder, { recursive: true });
  const measuredFromMs = own[0]?.[1] ?? 0;
  const measured = [...main, ...journal, ...own].filter(([, atMs]) => atMs >= measuredFromMs);
  printWay(waysOf(measured, receivedBy));
  printBatches(measured);
}

async function linesOf(folder: string, thread: string): Promise<readonly TraceLine[]> {
  return JSON.parse(await readFile(join(folder, `${thread}.json`), 'utf8'));
}

/** The times of every delivery that was traced from end to end. */
function waysOf(lines: readonly TraceLine[], receivedBy: ReadonlyMap<string, number>): readonly Times[] {
  const ofEvent = new Map<string, Times>();
  const ofAttempt = new Map<string, Times>();
  const ofDelivery = new Map<string, Times>();
  const put = (all: Map<string, Times>, id: string, step: string, atMs: number) => {
    const times = all.get(id) ?? new Map<string, number>();
    all.set(id, times.set(step, atMs));
    return times;
  };
  for (const [step, atMs, ids] of lines) {
    if (step === 'attempt') {
      const [attempt = '', eventId = ''] = ids;
      put(ofAttempt, attempt, step, atMs).set(`of ${eventId}`, 0);
    } else if (step === 'sent' || step === 'outcome') for (const id of ids) put(ofAttempt, id, step, atMs);
    else if (step.startsWith('ack')) for (const id of ids) put(ofDelivery, id, step, atMs);
    else
      for (const id of ids) {
        if (id.includes(' ')) put(ofDelivery, id, `record ${step}`, atMs);
        else put(ofEvent, id, step, atMs);
      }
  }
  // A stream does not say whose it is: an attempt is known by its event, and by its outcome being the newest before the
  // record of the delivery was requested.
  const byEvent = Map.groupBy(ofAttempt.values(), (times) => [...times.keys()].find((key) => key.startsWith('of ')));
  return [...ofDelivery].flatMap(([id, own]) => {
    const [eventId = ''] = id.split(' ', 1);
    const requestedMs = own.get('record requested') ?? 0;
    const attempt = (byEvent.get(`of ${eventId}`) ?? [])
      .filter((times) => (times.get('outcome') ?? Number.POSITIVE_INFINITY) <= requestedMs)
      .toSorted((a, b) => (b.get('outcome') ?? 0) - (a.get('outcome') ?? 0))[0];
    const adapterMs = receivedBy.get(id);
    if (adapterMs === undefined) return [];
    const times = new Map([
      ...(ofEvent.get(eventId) ?? []),
      ...(attempt ?? []),
      ['adapter', adapterMs],
      ...own,
    ] as const);
    return WAY.every(([boundary]) => times.has(boundary)) ? [times] : [];
  });
}

function printWay(ways: readonly Times[]): void {
  console.log(`${ways.length} deliveries                          p50 ms   p99 ms`);
  const row = (what: string, measures: readonly number[]) => {
    const { p50, p99 } = percentiles(measures);
    console.log(`${what.padEnd(40)} ${p50.toFixed(2).padStart(8)} ${p99.toFixed(2).padStart(8)}`);
  };
  const between = (from: string, to: string) => ways.map((times) => (times.get(to) ?? 0) - (times.get(from) ?? 0));
  let from = 'written';
  for (const [boundary, what] of WAY.slice(1)) {
    row(what, between(from, boundary));
    from = boundary;
  }
  row('all of it', between('written', 'ack read'));
}

/** How many go together at the places where things are gathered, and how often. */
function printBatches(lines: readonly TraceLine[]): void {
  const [first = 0, last = 0] = [lines[0]?.[1], lines.at(-1)?.[1]];
  console.log('\ntogether                                     p50      p99   a second');
  const gathered: readonly (readonly [what: string, step: string])[] = [
    ['events in a message of the publisher', 'written'],
    ['requests in a group of the journal', 'begun'],
    ['items in a message to the publisher', 'message'],
    ['acks in one of those', 'ack written'],
  ];
  for (const [what, step] of gathered) {
    const sizes = lines.filter(([name]) => name === step).map(([, , ids]) => ids.length);
    const { p50, p99 } = percentiles(sizes);
    const rate = (1_000 * sizes.length) / (last - first);
    console.log(
      `${what.padEnd(40)} ${String(p50).padStart(8)} ${String(p99).padStart(8)} ${rate.toFixed(0).padStart(10)}`,
    );
  }
}

import { SYSTEM_NAMES } from '@hms-sync/sandbox';
import { collect, createSyncClient, type SyncClient } from '../src/sync-client.ts';
import { uncompressedGrpc } from '../src/transports/connect-transport.ts';
import type { FaultAnswer, FaultOptions } from './fault-answer.ts';
import { LedgerStack } from './ledger-stack.ts';
import { EVENT_ID } from './persistent-publisher.ts';
import { Strace } from './strace.ts';
import { type SyncBeforeAck, syncBeforeAck } from './sync-before-ack.ts';

/** Callers of single calls at the same time: enough for several to share a commit, and commits to overlap with answers. */
const CALLERS = 24;
/** Published by single calls, and as many by a stream. */
const EVENTS_EACH = { short: 96, full: 480 };
/** Of one message of the stream. */
const BATCH = 8;
/** What may leave only once it is on disk: ids of events, and the receipts of deliveries. */
const WORDS = new RegExp(`${EVENT_ID.source}|(?:sched|rec|bill)-\\d{6}`, 'g');
/** Everything with which the hub writes to a socket, and all that it does to its log. */
const CALLS = 'write,writev,sendmsg,sendto,pwrite64,fsync,fdatasync';

/** From a trace of the hub's system calls: nothing is reported to a caller before its commit was synced. */
export async function* syncOrder({ short }: FaultOptions): AsyncGenerator<FaultAnswer> {
  const events = short ? EVENTS_EACH.short : EVENTS_EACH.full;
  const { acknowledged, syncs, tooEarly, unwritten, unseen } = await traced(events, {});
  const ids = [...acknowledged].filter((word) => word.startsWith('process-')).length;
  const seen = `${ids} ACCEPTED and ${acknowledged.size - ids} receipts left, each after one of ${syncs} fsyncs of its commit`;
  const wrong = [...tooEarly, ...unwritten, ...unseen];
  yield {
    fault: 'every system call of a hub under load is traced',
    times: acknowledged.size,
    answer: wrong.length === 0 ? seen : `${wrong.length} wrong, such as: ${wrong[0]}`,
    ok: wrong.length === 0 && ids >= 2 * events && acknowledged.size - ids >= SYSTEM_NAMES.length * events,
  };
  const plant = new URL('./plant-unsynced-journal.ts', import.meta.url).href;
  const planted = await traced(EVENTS_EACH.short, { NODE_OPTIONS: `--import=${plant}` });
  yield {
    fault: 'the same, with synchronous=NORMAL planted',
    times: planted.acknowledged.size,
    answer:
      planted.tooEarly.length > 0
        ? `refused: ${planted.tooEarly.length} acknowledged before they were synced`
        : 'NOT NOTICED: the trace proves nothing',
    ok: planted.tooEarly.length > 0,
  };
}

interface Traced extends SyncBeforeAck {
  /** One line for each word that a caller received and that the trace does not contain. */
  readonly unseen: readonly string[];
}

/** Publishes to a hub under strace, by single calls that wait for all acks and by a stream. */
async function traced(events: number, env: Readonly<Record<string, string>>): Promise<Traced> {
  const stack = await LedgerStack.create({ keys: 0 });
  try {
    const hub = await stack.folder.start(env);
    const strace = await Strace.attach({ pid: hub.pid, folder: stack.folder.path, calls: CALLS, withBytes: true });
    const client = createSyncClient(uncompressedGrpc(hub.address));
    const heard = await Promise.all([
      ...Array.from({ length: CALLERS }, (_, caller) => publishSingly(client, caller, events / CALLERS)),
      publishStream(client, events),
    ]);
    client.close();
    await hub.stop();
    const calls = await strace.read();
    const verdict = syncBeforeAck({ calls, logPath: stack.logPath, port: hub.port, words: WORDS });
    const unseen = heard.flat().filter((word) => !verdict.acknowledged.has(word));
    return { ...verdict, unseen: unseen.map((word) => `${word} was acknowledged, and no write to a caller says so`) };
  } finally {
    await stack.close();
  }
}

/** One event after the other, each until all adapters have it; every word that was heard. */
async function publishSingly(client: SyncClient, caller: number, events: number): Promise<readonly string[]> {
  const heard: string[] = [];
  const key = `process-${String(caller).padStart(2, '0')}`;
  for (let version = 1; version <= events; version += 1) {
    const id = `${key}/${String(version).padStart(6, '0')}`;
    const { accepted, acks } = await collect(client.publish({ event: { id, key, type: 'ProcessUpdated' } }));
    heard.push(accepted.eventId, ...acks.flatMap(({ receipt }) => receipt.match(WORDS) ?? []));
  }
  return heard;
}

/** The ids of the acknowledged events. */
async function publishStream(client: SyncClient, events: number): Promise<readonly string[]> {
  const heard: string[] = [];
  for await (const { results } of client.publishStream(batches(events))) {
    for (const { result } of results) if (result.case === 'accepted') heard.push(result.value.eventId);
  }
  return heard;
}

async function* batches(events: number) {
  for (let made = 0; made < events; made += BATCH) {
    yield {
      events: Array.from({ length: BATCH }, (_, index) => ({
        id: `process-99/${String(made + index).padStart(6, '0')}`,
        key: `process-${90 + index}`,
        type: 'ProcessUpdated',
      })),
    };
  }
}

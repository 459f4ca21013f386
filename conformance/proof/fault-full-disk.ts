import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CallError } from '../src/call-error.ts';
import type { Hub } from '../src/hub.ts';
import { collect, createSyncClient, type SyncClient } from '../src/sync-client.ts';
import { grpcJs } from '../src/transports/grpc-js.ts';
import { EXIT_JOURNAL, endingOf, wrongEnding } from './ending.ts';
import type { FaultAnswer, FaultOptions } from './fault-answer.ts';
import { LedgerStack } from './ledger-stack.ts';
import { SmallDisk } from './small-disk.ts';
import { Strace } from './strace.ts';

const KEYS = 24;
/** What the hub keeps free for outcomes (sqlite-journal.ts of the hub). */
const RESERVE_BYTES = 64 * 1024 * 1024;
/** The reserve, a log and a database of some hundred of the events below, and what is taken away and given back. */
const DISK_BYTES = 2 * RESERVE_BYTES;
/** Each time the disk is filled, for so much more. */
const ROOM_BYTES = 4 * 1024 * 1024;
const PAYLOAD_BYTES = 100_000;
const ACCEPTED_BEFORE = 30;
/** Writes from one that finds no room to the next: more than the transaction has that is run again without new events. */
const NO_ROOM_EVERY = 300;
const FULL = 'resource_exhausted JOURNAL_FULL';

/** No room on the disk: nothing is half taken, what was accepted goes on, and with room the hub takes events again. */
export async function* fullDisk({ short }: FaultOptions): AsyncGenerator<FaultAnswer> {
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-faults-'));
  const disk = await SmallDisk.mount(join(folder, 'disk'), DISK_BYTES);
  const dataDir = join(disk.path, 'data');
  const stack = await LedgerStack.create({ keys: KEYS, payloadBytes: PAYLOAD_BYTES, settings: { dataDir } });
  try {
    yield* reserveReached(stack, disk, short ? 1 : 3);
    yield await nothingLeft(stack, disk, join(dataDir, 'journal.db'));
  } finally {
    await stack.close();
    await disk.unmount();
    await rm(folder, { recursive: true });
  }
  yield await noRoomOnce(short ? [1, 9] : [1, 3, 9, 27, 81]);
}

/** Publishes while the systems are down until the disk is full but for the reserve, then makes room; several times. */
async function* reserveReached(stack: LedgerStack, disk: SmallDisk, times: number): AsyncGenerator<FaultAnswer> {
  const hub = await stack.start();
  const client = createSyncClient(grpcJs.create(hub.address));
  for (let time = 1; time <= times; time += 1) {
    await stack.sandbox.setFault('*', { status: 503 });
    await disk.leave(RESERVE_BYTES + ROOM_BYTES);
    await stack.refusals.next(FULL);
    yield await refusal(client, hub, stack.refusals.count(FULL));

    await stack.sandbox.clearFaults();
    await stack.settle(hub);
    const { adapters, hub: own } = await client.getHealth();
    const waiting = adapters.reduce((sum, adapter) => sum + Number(adapter.waiting), 0);
    yield {
      fault: 'outcomes are recorded in the reserve',
      times: stack.book.size,
      answer: `${waiting} deliveries wait, events are ${own?.accepting ? 'taken' : 'still refused'}`,
      ok: waiting === 0 && own?.accepting === false,
    };

    await disk.makeRoom();
    await stack.accepted(KEYS);
    const isAccepting = (await client.getHealth()).hub?.accepting === true;
    yield {
      fault: 'room is made',
      times: 1,
      answer: `events are ${isAccepting ? 'taken again' : 'NOT taken'}, by the same process`,
      ok: isAccepting && hub.isRunning,
    };
  }
  client.close();
  stack.pause();
  await hub.stop();
}

/** How a publish is rejected now, and what health reports. */
async function refusal(client: SyncClient, { address }: Hub, times: number): Promise<FaultAnswer> {
  const outcome = await collect(client.publish({ event: { type: 'ProcessUpdated' } })).then(() => 'ACCEPTED', report);
  const health = (await client.getHealth()).hub;
  const { status } = await fetch(`${address}/healthz`);
  return {
    fault: 'the disk fills up to the reserve',
    times,
    answer: `${outcome}; health: ${health?.notAcceptingReason}; /healthz: ${status}`,
    ok:
      outcome === `${FULL}, again in 30 s` &&
      health?.notAcceptingReason.includes('diskReserve keeps 64 MiB') === true &&
      status === 503,
  };
}

function report(error: unknown): string {
  if (!(error instanceof CallError)) throw error;
  const again = error.retryAfterMs === undefined ? 'no RetryInfo' : `again in ${error.retryAfterMs / 1_000} s`;
  return `${error.code} ${error.reason}, ${again}`;
}

/** Not one block is left, so that outcomes find no room either: that is the end, and nothing is lost by it. */
async function nothingLeft(stack: LedgerStack, disk: SmallDisk, journalPath: string): Promise<FaultAnswer> {
  await stack.sandbox.setFault('*', { status: 503 });
  // Truncates its WAL, so that no write fits into the space that the WAL already had.
  const hub = await stack.start();
  await stack.accepted(ACCEPTED_BEFORE);
  await disk.leave(0);
  await stack.sandbox.clearFaults();
  const ending = await endingOf(hub);
  stack.pause();
  await disk.makeRoom();
  const { size } = stack.book;
  const wrong = [...wrongEnding(ending, journalPath), ...(await stack.breachesAfterRestart())];
  const good = `exit ${EXIT_JOURNAL} with one line; of ${size} accepted 0 lost after room was made`;
  return { fault: 'not one block is left', times: 1, answer: wrong[0] ?? good, ok: wrong.length === 0 };
}

/** Single writes to the log find no room: events are refused for that moment, outcomes are not harmed. */
async function noRoomOnce(places: readonly number[]): Promise<FaultAnswer> {
  const stack = await LedgerStack.create({ keys: KEYS });
  try {
    const wrong: string[] = [];
    for (const place of places) {
      const hub = await stack.start();
      await stack.accepted(ACCEPTED_BEFORE);
      const inject = `pwrite64:error=ENOSPC:when=${place}+${NO_ROOM_EVERY}`;
      const { path: folder } = stack.folder;
      const strace = await Strace.attach({ pid: hub.pid, folder, calls: 'pwrite64', inject, paths: [stack.logPath] });
      await Promise.race([Promise.all([stack.refusals.next(FULL), stack.accepted(ACCEPTED_BEFORE)]), hub.ended]);
      if (!hub.isRunning) wrong.push(`${inject}: the hub ended`);
      stack.pause();
      await hub.kill();
      if ((await strace.read()).every(({ error }) => error === '')) wrong.push(`${inject}: was never injected`);
    }
    const refused = stack.refusals.count(FULL);
    const { size } = stack.book;
    wrong.push(...(await stack.breachesAfterRestart()));
    const good = `${refused} events refused for that moment, the hub went on; of ${size} accepted 0 lost`;
    return {
      fault: 'one write to the log finds no room (ENOSPC)',
      times: places.length,
      answer: wrong[0] ?? good,
      ok: wrong.length === 0,
    };
  } finally {
    await stack.close();
  }
}

import { cp, lstat, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BreakerState } from '@hms-sync/proto/hms/sync/v1/health_service';
import type { GetEventResponse } from '@hms-sync/proto/hms/sync/v1/sync_service';
import type { Hub } from '../src/hub.ts';
import { createSyncClient, first } from '../src/sync-client.ts';
import { grpcJs } from '../src/transports/grpc-js.ts';
import { LedgerStack } from './ledger-stack.ts';

/** A journal as a killed hub left it, with something in its database and something in its log, and what it says. */
export interface SampleJournal {
  /** Its files. */
  readonly folder: string;
  /** Its files as they were earlier, before its log was moved into the database. */
  readonly earlierFolder: string;
  /** Every accepted event by its id, as an undamaged hub reports it. */
  readonly events: ReadonlyMap<string, GetEventResponse>;
  remove(): Promise<void>;
}

const KEYS = 12;
/** Most of it is in the database, where the log has no newer page of it. */
const EVENTS = { inDatabase: 400, inLog: 60 };
/** One system delivers, one refuses some permanently (dead letters), one is down (deliveries wait). */
const REFUSING = { status: 422, errorRate: 0.3 };
const DOWN = { status: 503 };

/** Longer than all of this takes: a system that is down is left alone, and the journal comes to rest. */
const BREAKER_RESET_MS = 600_000;

/** @param payloadBytes of each event, distinguishes journals, whose events have the same ids */
export async function makeSampleJournal(payloadBytes: number): Promise<SampleJournal> {
  const path = await mkdtemp(join(tmpdir(), 'hms-sync-sample-'));
  const [folder, earlierFolder] = [join(path, 'journal'), join(path, 'earlier')];
  const stack = await LedgerStack.create({ keys: KEYS, payloadBytes, breakerResetMs: BREAKER_RESET_MS });
  const dataDir = dirname(stack.journalPath);
  try {
    await stack.sandbox.setFault('records', REFUSING);
    await stack.sandbox.setFault('billing', DOWN);
    let hub = await stack.start();
    await stack.accepted(EVENTS.inDatabase);
    stack.pause();
    await hub.kill();
    await cp(dataDir, earlierFolder, { recursive: true, filter: isNoSocket });
    // Stopped as asked, it moves its log into the database.
    hub = await stack.folder.start();
    await hub.stop();
    hub = await stack.start();
    await stack.accepted(EVENTS.inLog);
    stack.pause();
    // An unacknowledged commit may be lost with the end of the WAL: there must be none.
    await atRest(hub);
    await hub.kill();
    await cp(dataDir, folder, { recursive: true, filter: isNoSocket });
    const events = await readEvents(stack);
    return { folder, earlierFolder, events, remove: () => rm(path, { recursive: true }) };
  } finally {
    await stack.close();
  }
}

/** Resolves once two systems have all, and the breaker of the third is open. */
async function atRest({ address }: Hub): Promise<void> {
  const client = createSyncClient(grpcJs.create(address));
  await first(client.watchHealth(), ({ adapters }) =>
    adapters.every(
      ({ id, waiting, inFlight, breaker }) =>
        inFlight === 0 && (id === 'billing' ? breaker?.state === BreakerState.OPEN : waiting === 0n),
    ),
  );
  client.close();
}

/** Without adapters nothing changes any more. */
async function readEvents(stack: LedgerStack): Promise<ReadonlyMap<string, GetEventResponse>> {
  await stack.folder.configure({ adapters: [] });
  const hub = await stack.folder.start();
  const client = createSyncClient(grpcJs.create(hub.address));
  const events = new Map<string, GetEventResponse>();
  for (const id of stack.book.ids) events.set(id, await client.getEvent(id));
  client.close();
  return events;
}

/** The hub's socket is no data, and cannot be copied. */
async function isNoSocket(path: string): Promise<boolean> {
  return !(await lstat(path)).isSocket();
}

import { setTimeout as elapse } from 'node:timers/promises';
import { PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { CallError } from '../src/call-error.ts';
import { collect, createSyncClient, type SyncClient } from '../src/sync-client.ts';
import { grpcJs } from '../src/transports/grpc-js.ts';
import type { OrderBook } from './order-book.ts';

export interface PublisherOptions {
  /** Where a hub is now, asked before each try; undefined while it is down. */
  readonly address: () => string | undefined;
  readonly book: OrderBook;
  readonly keys: number;
  readonly payloadBytes: number;
  /** The maximum rate of all keys together; absent: unlimited. */
  readonly perSecond?: number;
  /** An answer that takes longer counts as lost; absent: it is waited for until the connection breaks. */
  readonly answerWithinMs?: number;
  readonly signal: AbortSignal;
  /** Called with every publish that was not acknowledged, for another reason than that it took too long. */
  readonly onFailed: (error: CallError) => void;
}

/** Ids and keys have one width, so that none is the beginning of another: `process-07/000042`. */
export const EVENT_ID = /process-\d{2}\/\d{6}/g;

/** While no hub answers; the next try is made with the same id, as a publisher should. */
const RETRY_MS = 20;

/**
 * Publishes for each key one event after the other, each until it was acknowledged, and writes down what was.
 * An answer that was lost is asked for again with the same id, so the book holds every accepted event but the last of
 * each key.
 */
export async function publishPersistently(options: PublisherOptions): Promise<void> {
  const { address, book, keys, payloadBytes, perSecond = Number.POSITIVE_INFINITY, signal, onFailed } = options;
  const { answerWithinMs } = options;
  const startedMs = performance.now();
  const payload = {
    case: 'data',
    value: Buffer.from(payloadBytes < 2 ? '' : `"${'a'.repeat(payloadBytes - 2)}"`),
  } as const;
  const clients = new Map<string, SyncClient>();
  try {
    await Promise.all(Array.from({ length: keys }, (_, index) => publishKey(`process-${digits(index, 2)}`)));
  } finally {
    for (const client of clients.values()) client.close();
  }

  async function publishKey(key: string): Promise<void> {
    for (let version = 1; !signal.aborted; version += 1) {
      const dueInMs = startedMs + (version * keys * 1_000) / perSecond - performance.now();
      if (dueInMs > 0) await elapse(dueInMs);
      const id = `${key}/${digits(version, 6)}`;
      if (await publishUntilAccepted(id, key)) book.add(id, key);
    }
  }

  async function publishUntilAccepted(id: string, key: string): Promise<boolean> {
    while (!signal.aborted) {
      const hub = address();
      if (hub !== undefined && (await publishOnce(hub, id, key))) return true;
      await elapse(RETRY_MS);
    }
    return false;
  }

  /** False when whether it was accepted is unknown, as when the hub ended under the call; the next try finds out. */
  async function publishOnce(hub: string, id: string, key: string): Promise<boolean> {
    const client = clients.get(hub) ?? createSyncClient(grpcJs.create(hub));
    clients.set(hub, client);
    const event = { id, key, type: 'ProcessUpdated', source: 'proof', payload };
    try {
      const accepted = collect(client.publish({ event, until: PublishUntil.ACCEPTED })).then(() => true);
      if (answerWithinMs === undefined) return await accepted;
      accepted.catch(() => undefined);
      return await Promise.race([accepted, elapse(answerWithinMs, false, { ref: false })]);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      onFailed(error);
      return false;
    }
  }
}

function digits(number: number, width: number): string {
  return String(number).padStart(width, '0');
}

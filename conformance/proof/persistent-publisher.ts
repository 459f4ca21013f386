import { setTimeout as elapse } from 'node:timers/promises';
import { PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { collect, createSyncClient } from '../src/sync-client.ts';
import { grpcJs } from '../src/transports/grpc-js.ts';
import type { OrderBook } from './order-book.ts';

export interface PublisherOptions {
  /** Where the hub is now; undefined while it is down. */
  readonly address: () => string | undefined;
  readonly book: OrderBook;
  readonly keys: number;
  readonly signal: AbortSignal;
}

/** While no hub answers; the next try is made with the same id, as a publisher should. */
const RETRY_MS = 20;

/**
 * Publishes for each key one event after the other, each until it was told to be accepted, and writes down what was.
 * An answer that was lost is asked for again with the same id, so the book holds every accepted event but the last of
 * each key.
 */
export async function publishPersistently({ address, book, keys, signal }: PublisherOptions): Promise<void> {
  await Promise.all(Array.from({ length: keys }, (_, index) => publishKey(`process-${index}`)));

  async function publishKey(key: string): Promise<void> {
    for (let version = 1; !signal.aborted; version += 1) {
      const id = `${key}/${version}`;
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
}

const clients = new Map<string, ReturnType<typeof createSyncClient>>();

async function publishOnce(hub: string, id: string, key: string): Promise<boolean> {
  const client = clients.get(hub) ?? createSyncClient(grpcJs.create(hub));
  clients.set(hub, client);
  const event = { id, key, type: 'ProcessUpdated', source: 'crash-proof' };
  try {
    await collect(client.publish({ event, until: PublishUntil.ACCEPTED }));
    return true;
  } catch {
    // Killed under the call: whether it was accepted is unknown, and the next try with the same id finds out.
    return false;
  }
}

/** Lets go of all connections. */
export function closePublisher(): void {
  for (const client of clients.values()) client.close();
  clients.clear();
}

import { randomUUID } from 'node:crypto';
import { setTimeout as elapse } from 'node:timers/promises';
import { DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import type { SyncClient } from '../src/sync-client.ts';
import { PAYLOAD_BYTES } from './backlog-filler.ts';
import { QUICK } from './still-hub.ts';

export interface MeasuredWindow {
  readonly eventsPerSecond: number;
  /** Times the rate no more than 4,096, the hub's window of a stream: what the third adapter hangs on fills it. */
  readonly seconds: number;
}

/** How often events are handed in. */
const TICK_MS = 10;

/**
 * Publishes at a steady rate through one stream, and measures how long each of the quick adapters took to acknowledge:
 * from handing an event in to its ack, in ms.
 */
export async function ackLatencies(client: SyncClient, window: MeasuredWindow): Promise<readonly number[]> {
  const { eventsPerSecond, seconds } = window;
  const total = eventsPerSecond * seconds;
  const source = randomUUID();
  const payload = { case: 'data', value: Buffer.from(`"${'a'.repeat(PAYLOAD_BYTES - 2)}"`) } as const;
  const sentAtMs = new Map<string, number>();
  const done = Promise.withResolvers<void>();

  async function* requests() {
    const startedAtMs = performance.now();
    for (let made = 0; made < total; await elapse(TICK_MS)) {
      const nowMs = performance.now();
      const due = Math.min(total, Math.floor(((nowMs - startedAtMs) / 1_000) * eventsPerSecond)) - made;
      const ids = Array.from({ length: due }, (_, index) => `${source}-${made + index}`);
      made += due;
      for (const id of ids) sentAtMs.set(id, nowMs);
      if (due > 0) yield { events: ids.map((id) => ({ id, type: 'ProcessUpdated', key: id, payload })) };
    }
    // The stream is open until the last ack has come.
    await done.promise;
  }

  const latenciesMs: number[] = [];
  for await (const { acks } of client.publishStream(requests())) {
    const nowMs = performance.now();
    for (const { eventId, adapter, state } of acks) {
      if (state !== DeliveryState.DELIVERED || !QUICK.includes(adapter)) continue;
      latenciesMs.push(nowMs - (sentAtMs.get(eventId) ?? Number.NaN));
    }
    if (latenciesMs.length === total * QUICK.length) break;
  }
  done.resolve();
  return latenciesMs;
}

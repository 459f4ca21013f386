import { randomUUID } from 'node:crypto';
import { setTimeout as elapse } from 'node:timers/promises';
import { PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { createSyncClient } from '../src/sync-client.ts';
import { grpcJs } from '../src/transports/grpc-js.ts';
import { QUICK } from './still-hub.ts';

/** As many keys as a region has processes. */
const KEYS = 10_000;
export const PAYLOAD_BYTES = 300;
const EVENTS_PER_MESSAGE = 250;
/** As many as the hub lets wait for its disk. */
const UNANSWERED_MAX = 1_024;
const LOOK_AGAIN_MS = 200;

/** Publishes so many events as fast as the hub takes them, and waits until the quick adapters have all of them. */
export async function fillBacklog(address: string, count: number): Promise<void> {
  const client = createSyncClient(grpcJs.create(address));
  const source = randomUUID();
  const data = Buffer.from(`"${'a'.repeat(PAYLOAD_BYTES - 2)}"`);
  let made = 0;
  let answered = 0;
  let wake: () => void = () => undefined;

  function nextEvent() {
    made += 1;
    const payload = { case: 'data', value: data } as const;
    return { id: `${source}-${made}`, type: 'ProcessUpdated', key: `process-${made % KEYS}`, payload };
  }

  async function* requests() {
    while (made < count) {
      const room = Math.min(UNANSWERED_MAX - (made - answered), EVENTS_PER_MESSAGE, count - made);
      if (room > 0) yield { until: PublishUntil.ACCEPTED, events: Array.from({ length: room }, nextEvent) };
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  try {
    for await (const { results } of client.publishStream(requests())) {
      for (const { result } of results) {
        if (result.case === 'refused') throw new Error(`an event was refused: ${result.value.message}`);
      }
      answered += results.length;
      wake();
    }
    const isBehind = async () => {
      const { adapters } = await client.getHealth();
      return adapters.some(({ id, waiting }) => QUICK.includes(id) && waiting > 0n);
    };
    while (await isBehind()) await elapse(LOOK_AGAIN_MS);
  } finally {
    client.close();
  }
}

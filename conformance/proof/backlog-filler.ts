import { randomUUID } from 'node:crypto';
import { setTimeout as elapse } from 'node:timers/promises';
import { durationMs } from '@bufbuild/protobuf/wkt';
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

/**
 * Publishes so many events as fast as the hub takes them, and waits until the quick adapters have all of them. What the
 * hub refuses for a moment is published again with the same id, after the time that it names, as a publisher should.
 *
 * @returns how often that was: on a disk that others use as well a hub sheds load
 */
export async function fillBacklog(address: string, count: number): Promise<number> {
  const client = createSyncClient(grpcJs.create(address));
  const source = randomUUID();
  const data = Buffer.from(`"${'a'.repeat(PAYLOAD_BYTES - 2)}"`);
  let made = 0;
  let accepted = 0;
  let refused = 0;
  let resumeAtMs = 0;
  let wake: () => void = () => undefined;
  /** What is on its way, in the order of its index in the stream, and what was refused. */
  const sent: number[] = [];
  const again: number[] = [];
  let unanswered = 0;

  function nextEvent() {
    const number = again.shift() ?? ++made;
    sent.push(number);
    unanswered += 1;
    const payload = { case: 'data', value: data } as const;
    return { id: `${source}-${number}`, type: 'ProcessUpdated', key: `process-${number % KEYS}`, payload };
  }

  async function* requests() {
    while (accepted < count) {
      const waitMs = resumeAtMs - performance.now();
      if (waitMs > 0) await elapse(waitMs);
      const left = again.length + count - made;
      const room = Math.min(UNANSWERED_MAX - unanswered, EVENTS_PER_MESSAGE, left);
      if (room > 0) yield { until: PublishUntil.ACCEPTED, events: Array.from({ length: room }, nextEvent) };
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  try {
    for await (const { results } of client.publishStream(requests())) {
      for (const { index, result } of results) {
        if (result.case === 'refused') {
          const { message, retryAfter } = result.value;
          if (retryAfter === undefined) throw new Error(`an event was refused: ${message}`);
          refused += 1;
          resumeAtMs = performance.now() + durationMs(retryAfter);
          again.push(sent[Number(index)] as number);
        } else {
          accepted += 1;
        }
      }
      unanswered -= results.length;
      wake();
    }
    const isBehind = async () => {
      const { adapters } = await client.getHealth();
      return adapters.some(({ id, waiting }) => QUICK.includes(id) && waiting > 0n);
    };
    while (await isBehind()) await elapse(LOOK_AGAIN_MS);
    return refused;
  } finally {
    client.close();
  }
}

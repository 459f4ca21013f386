import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { QUICK_RETRY, type Stack, startStack } from './stack.ts';
import { createSyncClient } from './sync-client.ts';
import { transports } from './transports/every-transport.ts';

/** What the contract says that the hub reads ahead of what is settled. */
const UNSETTLED_MAX = 4_096;
const EVENTS = 5_000;
const EVENTS_PER_MESSAGE = 500;

let stack: Stack;

beforeEach(async () => {
  stack = await startStack({
    systems: ['records'],
    lane: {
      delivery: { concurrency: 64, timeoutMs: 60_000 },
      retry: QUICK_RETRY,
      // The calls that hang are cut off in the end, which opens the breaker: not for long.
      breaker: { resetTimeoutMs: 100 },
    },
  });
});
afterEach(() => stack.close());

const streaming = transports.filter(({ features }) => features.bidiStreams);

test.for(streaming)('a publisher who is faster than the systems is slowed and loses nothing: $name', async (kind) => {
  const { sandbox, hub } = stack;
  const client = createSyncClient(kind.create(hub.address));
  await sandbox.setFault('records', { hang: true });
  let handedIn = 0;
  async function* batches() {
    for (; handedIn < EVENTS; handedIn += EVENTS_PER_MESSAGE) {
      yield { events: Array.from({ length: EVENTS_PER_MESSAGE }, () => ({ type: 'ProcessUpdated' })) };
    }
  }
  const received = { results: 0, acks: 0 };
  const publishing = (async () => {
    for await (const { results, acks } of client.publishStream(batches())) {
      received.results += results.length;
      received.acks += acks.length;
    }
  })();
  await vi.waitUntil(() => received.results >= UNSETTLED_MAX, { interval: 5, timeout: 10_000 });
  // Another caller is served, and its answer comes after whatever else the hub had read of the stream.
  await client.publishAndWait({ type: 'ProcessUpdated' }, 100);
  expect(received).toEqual({ results: UNSETTLED_MAX, acks: 0 });
  expect((await client.getHealth()).adapters[0]?.waiting).toBe(BigInt(UNSETTLED_MAX) + 1n);

  await sandbox.clearFaults();
  await publishing;
  expect(received.results).toBe(EVENTS);
  expect(sandbox.countCalls().effects).toBe(EVENTS + 1);
  client.close();
});

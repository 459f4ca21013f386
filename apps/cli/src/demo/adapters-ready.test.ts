import { AdapterState } from '@hms-sync/proto/hms/sync/v1/health_service';
import { afterEach, expect, test } from 'vitest';
import { type FakeHub, startFakeHub } from '../../test/fake-hub.ts';
import { connectToHub, type HubClient } from '../hub-client.ts';
import { adaptersReady } from './adapters-ready.ts';

let fake: FakeHub | undefined;
let client: HubClient | undefined;
afterEach(async () => {
  client?.close();
  await fake?.close();
});

const { STARTING, READY, FAILED } = AdapterState;

/** A hub whose adapters go through these states; those that it has reported. */
async function start(...steps: AdapterState[][]) {
  const received: AdapterState[][] = [];
  fake = await startFakeHub({
    health: {
      async *watchHealth(_request, { signal }) {
        for (const states of steps) {
          received.push(states);
          yield { health: { adapters: states.map((state) => ({ id: 'billing', state })) } };
        }
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      },
    },
  });
  client = connectToHub(fake.address);
  return { received, client };
}

const noSignal = new AbortController().signal;

test('a demo waits until no adapter is starting, and lists those that are not ready', async () => {
  const { received, client } = await start([], [STARTING, STARTING], [READY, STARTING], [READY, FAILED]);
  const unready = await adaptersReady(client, noSignal);
  expect(received).toHaveLength(4);
  expect(unready).toMatchObject([{ state: FAILED }]);
});

test('a demo continues when an adapter does not start within the limit', async () => {
  const { client } = await start([STARTING]);
  expect(await adaptersReady(client, noSignal, 200)).toMatchObject([{ state: STARTING }]);
});

test('a demo continues with a hub that does not report its health, and ends when it is stopped', async () => {
  fake = await startFakeHub();
  client = connectToHub(fake.address);
  await adaptersReady(client, noSignal);
  await expect(adaptersReady(client, AbortSignal.abort())).rejects.toThrow();
});

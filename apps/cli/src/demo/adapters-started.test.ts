import { AdapterState } from '@hms-sync/proto/hms/sync/v1/health_service';
import { afterEach, expect, test } from 'vitest';
import { type FakeHub, startFakeHub } from '../../test/fake-hub.ts';
import { connectToHub, type HubClient } from '../client.ts';
import { adaptersStarted } from './adapters-started.ts';

let fake: FakeHub | undefined;
let client: HubClient | undefined;
afterEach(async () => {
  client?.close();
  await fake?.close();
});

const { STARTING, READY, FAILED } = AdapterState;

/** A hub whose adapters go through these states; which of them it has told. */
async function start(...steps: AdapterState[][]) {
  const told: AdapterState[][] = [];
  fake = await startFakeHub({
    health: {
      async *watchHealth(_request, { signal }) {
        for (const states of steps) {
          told.push(states);
          yield { health: { adapters: states.map((state) => ({ id: 'billing', state })) } };
        }
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      },
    },
  });
  client = connectToHub(fake.address);
  return { told, client };
}

const noSignal = new AbortController().signal;

test('a demo waits until no adapter is being started any more', async () => {
  const { told, client } = await start([STARTING, STARTING], [READY, STARTING], [READY, FAILED]);
  await adaptersStarted(client, noSignal);
  expect(told).toHaveLength(3);
});

test('a demo goes on when an adapter does not start within the limit', async () => {
  const { client } = await start([STARTING]);
  await adaptersStarted(client, noSignal, 20);
});

test('a demo goes on with a hub that does not say, and ends when it is stopped', async () => {
  fake = await startFakeHub();
  client = connectToHub(fake.address);
  await adaptersStarted(client, noSignal);
  await expect(adaptersStarted(client, AbortSignal.abort())).rejects.toThrow();
});

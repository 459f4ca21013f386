import { expect, onTestFinished, test } from 'vitest';
import { HubFolder } from './hub-folder.ts';
import { createSyncClient } from './sync-client.ts';
import { grpcJs } from './transports/grpc-js.ts';

test('a hub whose disk has less free space than diskReserve reports both numbers and what to do, to publishers and in health', async () => {
  // No disk has so much.
  const folder = await HubFolder.create({ config: { diskReserve: '1024TiB' } });
  onTestFinished(() => folder.remove());
  const hub = await folder.start();
  const client = createSyncClient(grpcJs.create(hub.address));
  onTestFinished(() => client.close());
  const says =
    /^[\d.]+ MiB are free on the disk of the hub's data folder, and diskReserve keeps 1073741824 MiB .*smaller diskReserve/;
  await expect(client.publishAndWait({ type: 'ProcessUpdated' })).rejects.toMatchObject({
    reason: 'JOURNAL_FULL',
    message: expect.stringMatching(says),
  });
  expect((await client.getHealth()).hub).toMatchObject({
    accepting: false,
    notAcceptingReason: expect.stringMatching(says),
  });
  const healthz = await fetch(`${hub.address}/healthz`);
  expect(healthz.status).toBe(503);
  // Why is for those who may read health.
  expect(await healthz.text()).toBe('not accepting events\n');
});

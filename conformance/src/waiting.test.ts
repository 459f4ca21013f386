import { durationMs } from '@bufbuild/protobuf/wkt';
import { DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import type { AdapterHealth } from '@hms-sync/proto/hms/sync/v1/health_service';
import { expect, onTestFinished, test } from 'vitest';
import { createAdminClient } from './admin-client.ts';
import { HubFolder } from './hub-folder.ts';
import { startStack } from './stack.ts';
import { createSyncClient, first } from './sync-client.ts';
import { grpcJs } from './transports/grpc-js.ts';

test('deliveries behind a dead letter are counted, and the age of the oldest one is reported whatever blocks it', async () => {
  const stack = await startStack({ lane: { onDeadLetter: 'hold' }, systems: ['billing'] });
  onTestFinished(() => stack.close());
  const client = createSyncClient(grpcJs.create(stack.hub.address));
  const admin = createAdminClient(grpcJs.create(stack.hub.address));
  onTestFinished(() => {
    client.close();
    admin.close();
  });
  const billingWhen = async (wanted: (billing: AdapterHealth) => boolean) =>
    (await first(client.watchHealth(), ({ adapters }) => adapters.some(wanted))).adapters[0];

  await stack.sandbox.setFault('billing', { status: 422 });
  const { acks } = await client.publishAndWait({ type: 'ProcessUpdated', key: 'p-1' });
  expect(acks).toMatchObject([{ state: DeliveryState.DEAD_LETTERED }]);
  await stack.sandbox.clearFaults();
  for (let count = 0; count < 3; count++) await client.publishAndWait({ type: 'ProcessUpdated', key: 'p-1' }, 0);
  await client.publishAndWait({ type: 'ProcessUpdated', key: 'p-2' });
  const held = await billingWhen(({ waitingBehindDeadLetters }) => waitingBehindDeadLetters === 3n);
  expect(held).toMatchObject({ waiting: 3n, deadLetters: 1n });
  const grown = (billing: AdapterHealth) =>
    billing.oldestUnsettledAge !== undefined && durationMs(billing.oldestUnsettledAge) > 2_000;
  expect(await billingWhen(grown)).toMatchObject({ waiting: 3n });

  await admin.discard({ filter: { states: [DeliveryState.DEAD_LETTERED] }, reason: 'a test' });
  const over = await billingWhen(({ waiting }) => waiting === 0n);
  expect(over?.oldestUnsettledAge).toBeUndefined();
});

test('an event for no adapter is reported to the publisher, in health and in the log, and fails no probe', async () => {
  const folder = await HubFolder.create({ config: {} });
  onTestFinished(() => folder.remove());
  const hub = await folder.start();
  const client = createSyncClient(grpcJs.create(hub.address));
  onTestFinished(() => client.close());
  const { accepted } = await client.publishAndWait({ id: 'a', type: 'ProcessUpdated' });
  expect(accepted?.warnings).toEqual([expect.stringContaining('delivers it to nobody')]);
  const again = await client.publishAndWait({ id: 'a', type: 'ProcessUpdated' });
  expect(again.accepted).toMatchObject({ duplicate: true, warnings: accepted?.warnings });
  const posted = await fetch(`${hub.address}/sync`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"type":"ProcessUpdated"}',
  });
  expect(await posted.json()).toMatchObject({ warnings: accepted?.warnings });
  const health = await client.getHealth();
  expect(health.hub).toMatchObject({
    accepting: true,
    warnings: [expect.stringMatching(/^no adapters are configured/)],
  });
  expect(hub.log).toContain('"level":40');
  expect(hub.log).toContain('no adapters are configured');
  expect((await fetch(`${hub.address}/healthz`)).status).toBe(200);
});

import { randomUUID } from 'node:crypto';
import { PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { SYSTEM_NAMES } from '@hms-sync/sandbox';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DELIVERED_EVERYWHERE, outline } from './acks.ts';
import { QUICK_RETRY, type Stack, startStack } from './stack.ts';
import { collect, createSyncClient, first, type SyncClient } from './sync-client.ts';
import { grpcJs } from './transports/grpc-js.ts';

let stack: Stack;
let client: SyncClient;

beforeEach(async () => {
  stack = await startStack({ lane: { retry: QUICK_RETRY } });
  client = createSyncClient(grpcJs.create(stack.hub.address));
});
afterEach(async () => {
  client.close();
  await stack.close();
});

test('a hub that is asked to stop finishes running attempts, reports them, accepts nothing new and loses nothing', async () => {
  const { sandbox, hub } = stack;
  const running = { id: randomUUID(), type: 'ProcessUpdated', key: 'p-1' };
  const queued = { id: randomUUID(), type: 'ProcessUpdated', key: 'p-1' };
  await sandbox.setFault('*', { latencyMs: 800, times: SYSTEM_NAMES.length });
  const received = collect(client.publish({ event: running }));
  await sandbox.waitForCalls(SYSTEM_NAMES.length);
  await collect(client.publish({ event: queued, until: PublishUntil.ACCEPTED }));
  const stopping = first(client.watchHealth(), ({ hub: own }) => own?.accepting === false);
  const ended = hub.stop();

  expect((await stopping).hub?.notAcceptingReason).toBe('the hub is stopping');
  await expect(collect(client.publish({ event: { type: 'ProcessUpdated' } }))).rejects.toMatchObject({
    code: 'unavailable',
    reason: 'HUB_STOPPING',
    retryAfterMs: 2_000,
  });
  expect(outline((await received).acks)).toEqual(DELIVERED_EVERYWHERE);
  expect(await ended).toMatchObject({ code: 0, signal: null });
  expect(sandbox.calls().map(({ eventId, answeredStatus }) => [eventId, answeredStatus])).toEqual(
    SYSTEM_NAMES.map(() => [running.id, 200]),
  );

  const after = createSyncClient(grpcJs.create((await stack.restart()).address));
  const messages = await Array.fromAsync(after.watchAcks({ eventIds: [running.id, queued.id] }));
  after.close();
  expect(messages.flatMap(({ acks }) => acks)).toHaveLength(2 * SYSTEM_NAMES.length);
  for (const { id } of [running, queued]) {
    expect(sandbox.countCalls({ eventId: id })).toMatchObject({
      count: SYSTEM_NAMES.length,
      effects: SYSTEM_NAMES.length,
    });
  }
});

test('a hub that is asked to stop ends streams that would not end by themselves', async () => {
  const endless = [client.watchHealth(), client.watchAcks({}), client.watchServing('')].map(async (stream) => {
    const seen = [];
    for await (const message of stream) seen.push(message);
    return seen.length;
  });
  const ends = Promise.allSettled(endless);
  await client.publishAndWait({ type: 'ProcessUpdated' });
  expect(await stack.hub.stop()).toMatchObject({ code: 0 });
  expect(await ends).toHaveLength(3);
});

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toBinary } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { SyncEventSchema } from '@hms-sync/proto/hms/sync/v1/event';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Answer, type FakeHub, startFakeHub } from '../test/fake-hub.ts';
import { ProcessService } from './process-service.ts';
import { ProcessStore } from './process-store.ts';
import { Publisher, type PublisherOptions } from './publisher.ts';
import { createSyncClient } from './sync-client.ts';

let folder: string;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hms-api-'));
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await rm(folder, { recursive: true });
});

const telehealth = {
  id: 'telehealth',
  name: 'Telehealth',
  slots: [{ kind: 'telehealth', durationMinutes: 20 } as const],
};
const noHubAddress = '127.0.0.1:1';

async function startHub(answers?: Answer[]): Promise<FakeHub> {
  const hub = await startFakeHub(answers);
  cleanups.push(() => hub.close());
  return hub;
}

function startService(address: string, options: Omit<PublisherOptions, 'client'> = {}) {
  const client = createSyncClient(address);
  cleanups.push(() => client.close());
  const notified: string[] = [];
  const service = new ProcessService({
    store: new ProcessStore(folder),
    publisher: new Publisher({ client, firstDelayMs: 1, triesMax: 3, ...options }),
    listener: {
      onAccepted: ({ eventId, duplicate }) => notified.push(`accepted ${eventId}${duplicate ? ' again' : ''}`),
      onAck: ({ adapter, receipt }) => notified.push(`${adapter}: ${receipt}`),
      onTryAgain: (reason) => notified.push(`try again: ${reason}`),
      onRefused: ({ process }, reason) => notified.push(`refused ${process.id} ${process.version}: ${reason}`),
    },
  });
  return { service, notified };
}

async function outboxOnDisk(): Promise<unknown[]> {
  return JSON.parse(await readFile(join(folder, 'processes.json'), 'utf8')).outbox;
}

describe('publishing a saved process', () => {
  test('reports the acceptance and each ack', async () => {
    const hub = await startHub();
    const { service, notified } = startService(hub.address);
    await service.save(telehealth);
    expect(await service.publishPending()).toBe(true);
    expect(notified).toEqual(['accepted process/telehealth/1', 'billing: billing took it', 'records: records took it']);
    expect(await outboxOnDisk()).toEqual([]);
  });

  test('a hub that does not answer at first gets the very same event again', async () => {
    const away: Answer = { kind: 'status', code: status.UNAVAILABLE, message: 'restarting' };
    const hub = await startHub([away, away]);
    const { service, notified } = startService(hub.address);
    await service.save(telehealth);
    await service.publishPending();
    expect(notified.slice(0, 2)).toEqual(['try again: UNAVAILABLE restarting', 'try again: UNAVAILABLE restarting']);
    const bytes = hub.calls.map((event) => Buffer.from(toBinary(SyncEventSchema, event)).toString('hex'));
    expect(bytes).toHaveLength(3);
    expect(new Set(bytes).size).toBe(1);
  });

  test('a stream that is lost after the acceptance makes a duplicate, not a second event', async () => {
    const hub = await startHub([{ kind: 'lose after accepting' }]);
    const { service, notified } = startService(hub.address);
    await service.save(telehealth);
    expect(await service.publishPending()).toBe(true);
    expect([...hub.accepted]).toEqual(['process/telehealth/1']);
    expect(notified).toContain('accepted process/telehealth/1 again');
    expect(notified).toContain('billing: billing took it');
  });

  test('an accepted event that has not settled in time is left to the hub', async () => {
    const hub = await startHub([{ kind: 'leave open' }]);
    const { service } = startService(hub.address, { deadlineMs: 200 });
    await service.save(telehealth);
    expect(await service.publishPending()).toBe(false);
    expect(await outboxOnDisk()).toEqual([]);
    expect(hub.calls).toHaveLength(1);
  });
});

describe('what the hub did not take', () => {
  test('a change saved while the hub is away is published after a restart, before newer ones', async () => {
    const before = startService(noHubAddress);
    await before.service.save(telehealth);
    await expect(before.service.publishPending()).rejects.toMatchObject({ code: status.UNAVAILABLE });
    expect(before.notified).toHaveLength(2);
    expect(await outboxOnDisk()).toHaveLength(1);

    const hub = await startHub();
    const after = startService(hub.address);
    await after.service.save(telehealth);
    await after.service.publishPending();
    expect(hub.calls.map(({ id }) => id)).toEqual(['process/telehealth/1', 'process/telehealth/2']);
  });

  test('a rejected change is marked for an operator and does not hold up the next', async () => {
    const hub = await startHub([{ kind: 'status', code: status.INVALID_ARGUMENT, message: 'the key is too long' }]);
    const { service, notified } = startService(hub.address);
    await service.save(telehealth);
    await service.save({ ...telehealth, id: 'surgery' });
    await service.publishPending();
    expect(notified[0]).toBe('refused telehealth 1: the key is too long');
    expect([...hub.accepted]).toEqual(['process/surgery/1']);
    expect(await outboxOnDisk()).toMatchObject([{ process: { id: 'telehealth' }, refused: 'the key is too long' }]);
    await service.publishPending();
    expect(hub.calls).toHaveLength(2);
  });
});

describe('saving', () => {
  test('gives each change its own version, also when many come at once', async () => {
    const store = new ProcessStore(folder);
    await Promise.all(Array.from({ length: 20 }, () => store.save(telehealth, new Date())));
    const versions = (await store.unpublished()).map(({ process }) => process.version);
    expect(versions).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });

  test('a save that fails changes nothing and does not block the next', async () => {
    const store = new ProcessStore(folder);
    await store.save(telehealth, new Date());
    await expect(store.save(telehealth, new Date(Number.NaN))).rejects.toThrow(RangeError);
    expect((await store.save(telehealth, new Date())).process.version).toBe(2);
  });
});

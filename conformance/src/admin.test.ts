import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeliveryState, HeldBy, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import { JobState } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { AdapterState } from '@hms-sync/proto/hms/sync/v1/health_service';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type AdminClient, createAdminClient } from './admin-client.ts';
import { Child, type Ending } from './child.ts';
import type { Hub } from './hub.ts';
import { HubFolder } from './hub-folder.ts';
import { QUICK_RETRY, type Stack, startStack } from './stack.ts';
import { createSyncClient, first, present, type SyncClient } from './sync-client.ts';
import { grpcJs } from './transports/grpc-js.ts';

const reason = 'the rates are fixed, says Dana';
const filter = { adapters: ['billing'] };

let stack: Stack;
beforeEach(async () => {
  stack = await startStack({ lane: { retry: QUICK_RETRY }, systems: ['billing'] });
});
afterEach(() => stack.close());

/** A publisher and an operator of a hub. */
function callersOf(hub: Hub): { client: SyncClient; admin: AdminClient } {
  const client = createSyncClient(grpcJs.create(hub.address));
  const admin = createAdminClient(grpcJs.create(hub.address));
  onTestFinished(() => {
    client.close();
    admin.close();
  });
  return { client, admin };
}

/** Publishes events that billing rejects permanently, then fixes billing. */
async function refuse(client: SyncClient, count: number, key: string): Promise<readonly string[]> {
  await stack.sandbox.setFault('billing', { status: 422 });
  const ids = Array.from({ length: count }, () => randomUUID());
  for (const id of ids) {
    const { acks } = await client.publishAndWait({ id, type: 'ProcessUpdated', key });
    expect(acks).toMatchObject([{ state: DeliveryState.DEAD_LETTERED }]);
  }
  await stack.sandbox.clearFaults();
  return ids;
}

const effectsOf = (key: string) =>
  stack.sandbox.calls({ system: 'billing', key }).flatMap(({ effect, eventId }) => (effect ? [eventId] : []));

describe('dead letters', () => {
  test('are listed with their reason, counted, and sent again once, in order, each in a new cycle', async () => {
    const { client, admin } = callersOf(stack.hub);
    const ids = await refuse(client, 5, 'p-1');
    const listed = await admin.list();
    expect(listed.map(({ latest }) => latest?.eventId)).toEqual(ids.toReversed());
    expect(listed[0]).toMatchObject({
      key: 'p-1',
      latest: { state: DeliveryState.DEAD_LETTERED, error: { kind: OutcomeKind.PERMANENT, code: 'HTTP_422' } },
    });

    const counted = await admin.replay({ filter, dryRun: true });
    expect(counted).toMatchObject({ matched: 5n, sent: 5n });
    expect(effectsOf('p-1')).toEqual([]);
    const { id } = await admin.replay({ filter, reason, ratePerSecond: 1_000 });
    const ended = await first(admin.watchJob(id), ({ state }) => state !== JobState.RUNNING);
    expect(ended).toMatchObject({ state: JobState.DONE, sent: counted.sent });
    await stack.sandbox.waitForCalls(10, { system: 'billing' });
    expect(effectsOf('p-1')).toEqual(ids);

    await vi.waitUntil(async () => (await admin.list()).length === 0, { interval: 5, timeout: 20_000 });
    const { deliveries } = await client.getEvent(present(ids[0]));
    expect(deliveries).toMatchObject([
      { latest: { state: DeliveryState.DELIVERED, cycle: 2, attempt: 1 }, attempts: [{ cycle: 1 }, { cycle: 2 }] },
    ]);
    expect(await admin.replay({ filter, dryRun: true })).toMatchObject({ matched: 0n });
    expect((await client.getHealth()).adapters).toMatchObject([{ deadLetters: 0n, waiting: 0n }]);
    expect(stack.hub.log).toContain(reason);
  });

  test('are each sent once by a job during which the hub is killed', async () => {
    const before = callersOf(stack.hub);
    const ids = await refuse(before.client, 40, 'p-1');
    const { id } = await before.admin.replay({ filter, reason, ratePerSecond: 50 });
    await first(before.admin.watchJob(id), ({ sent }) => sent >= 10n);
    await stack.hub.kill();

    const { admin } = callersOf(await stack.restart());
    const ended = await first(admin.watchJob(id), ({ state }) => state !== JobState.RUNNING);
    expect(ended).toMatchObject({ state: JobState.DONE, matched: 40n, sent: 40n });
    await vi.waitUntil(async () => (await admin.list()).length === 0, { interval: 5, timeout: 20_000 });
    expect(effectsOf('p-1')).toEqual(ids);
    const delivered = await admin.list({ states: [DeliveryState.DELIVERED] });
    expect(delivered.map(({ latest }) => latest?.cycle)).toEqual(ids.map(() => 2));
  });

  test('are discarded permanently, as are waiting deliveries, and the reason is recorded', async () => {
    const { client, admin } = callersOf(stack.hub);
    await refuse(client, 2, 'p-1');
    await admin.pause('billing', 'audit');
    for (let count = 0; count < 3; count += 1) await client.publishAndWait({ type: 'ProcessUpdated', key: 'p-2' }, 0);
    const held = await admin.list({ states: [DeliveryState.HELD] });
    expect(held.map(({ latest }) => latest?.heldBy)).toEqual([HeldBy.PAUSED, HeldBy.PAUSED, HeldBy.PAUSED]);
    expect(await admin.discard({ filter, dryRun: true })).toBe(5n);
    expect(await admin.discard({ filter, reason })).toBe(5n);
    expect(await admin.list()).toEqual([]);
    const given = await admin.list({ states: [DeliveryState.DISCARDED] });
    expect(given.map((delivery) => delivery.reason)).toEqual(given.map(() => reason));
    await admin.resume('billing', 'the audit is over');
    const { acks } = await client.publishAndWait({ type: 'ProcessUpdated', key: 'p-2' });
    expect(acks).toMatchObject([{ state: DeliveryState.DELIVERED }]);
    expect(stack.sandbox.countCalls({ system: 'billing', key: 'p-2' }).count).toBe(1);
  });
});

test('a pause survives a restart, until an operator resumes the adapter', async () => {
  const before = callersOf(stack.hub);
  await before.admin.pause('billing', 'audit of the rates');
  await stack.hub.kill();
  const { client, admin } = callersOf(await stack.restart());
  expect((await client.getHealth()).adapters).toMatchObject([
    { state: AdapterState.PAUSED, reason: expect.stringContaining('audit of the rates') },
  ]);
  const id = randomUUID();
  const { acks } = await client.publishAndWait({ id, type: 'ProcessUpdated' }, 100);
  expect(acks).toMatchObject([{ state: DeliveryState.HELD, heldBy: HeldBy.PAUSED }]);
  await admin.resume('billing', 'the audit is over');
  await stack.sandbox.waitForCalls(1, { system: 'billing' });
});

describe('the journal', () => {
  test('is copied while it is in use, and a hub starts on the copy', async () => {
    const { client, admin } = callersOf(stack.hub);
    const ids = await refuse(client, 3, 'p-1');
    const backup = await admin.backup({ path: '2026-01-31' });
    expect(backup.path).toBe(join(stack.folder.path, '.hms-sync', 'backups', '2026-01-31'));
    expect(backup.sizeBytes).toBeGreaterThan(0n);
    await expect(admin.backup({ path: '2026-01-31' })).rejects.toMatchObject({ reason: 'BACKUP_REFUSED' });
    const elsewhere = join(stack.folder.path, 'elsewhere');
    await expect(admin.backup({ path: elsewhere })).rejects.toMatchObject({ message: /backups\.folder/ });
    expect(existsSync(elsewhere)).toBe(false);

    const restored = await HubFolder.create({ config: { dataDir: 'data', adapters: [] } });
    onTestFinished(() => restored.remove());
    await cp(backup.path, join(restored.path, 'data'), { recursive: true });
    const there = callersOf(await restored.start());
    expect((await there.admin.list()).map(({ latest }) => latest?.eventId)).toEqual(ids.toReversed());
    expect((await there.client.getEvent(present(ids[0]))).event?.key).toBe('p-1');
  });

  test('is intact after a kill, and one wrong byte in it is found and named', async () => {
    const { client } = callersOf(stack.hub);
    await refuse(client, 3, 'p-1');
    const payload = { case: 'data', value: Buffer.from('{"note":"flip-me"}') } as const;
    await client.publishAndWait({ type: 'ProcessUpdated', payload });
    await stack.hub.kill();
    const folder = join(stack.folder.path, '.hms-sync');
    expect(await verify(folder)).toMatchObject({ code: 0, stdout: expect.stringContaining('intact') });

    const path = join(folder, 'journal.db');
    const bytes = await readFile(path);
    const place = bytes.indexOf('flip-me');
    bytes[place] = present(bytes[place]) ^ 0x01;
    await writeFile(path, bytes);
    const damaged = await verify(folder);
    expect(damaged).toMatchObject({ code: 1, stdout: expect.stringMatching(/^damaged: .*seq 4/m) });
  });
});

/** Runs what `hms-sync journal verify` becomes. */
function verify(dataDir: string): Promise<Ending> {
  return new Child({ main: import.meta.resolve('@hms-sync/sync-hub/verify'), args: ['--data-dir', dataDir] }).ended;
}

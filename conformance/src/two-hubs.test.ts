import { randomUUID } from 'node:crypto';
import { DeliveryState, HeldBy } from '@hms-sync/proto/hms/sync/v1/ack';
import { AdapterState, type Health } from '@hms-sync/proto/hms/sync/v1/health_service';
import { PostgresServer } from '@hms-sync/testing/postgres-server';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AdminClient, createAdminClient } from './admin-client.ts';
import type { Hub } from './hub.ts';
import { HubFolder } from './hub-folder.ts';
import { createSyncClient, first, type SyncClient } from './sync-client.ts';
import { connectHttp2 } from './transports/connect-transport.ts';

/** Two hubs, each of which runs one of the adapters: whatever one is asked about the other's it answers too. */
let server: PostgresServer;
let folders: readonly HubFolder[] = [];
let hubs: readonly Hub[] = [];
let clients: readonly [SyncClient, SyncClient];
let admins: readonly AdminClient[] = [];

beforeAll(async () => {
  server = await PostgresServer.create();
  const adapters = ['billing', 'lab'].map((id) => ({ package: 'adapter-still', id }));
  const config = { journal: server.url(), adapters };
  folders = [await HubFolder.create({ config }), await HubFolder.create({ config })];
  await Promise.all(folders.map((folder) => folder.install('adapter-still')));
  hubs = await Promise.all(folders.map((folder) => folder.start()));
  const [one, other] = hubs.map(({ address }) => createSyncClient(connectHttp2.create(address)));
  if (one === undefined || other === undefined) throw new Error('there are two hubs');
  clients = [one, other];
  admins = hubs.map(({ address }) => createAdminClient(connectHttp2.create(address)));
}, 180_000);
afterAll(async () => {
  for (const client of [...(clients ?? []), ...admins]) client.close();
  await Promise.all(folders.map((folder) => folder.remove()));
  await server?.close();
});

test('each shows the adapters of both, and who runs them', async () => {
  // The hub that came first gives one of the adapters to the other.
  const seen = await Promise.all(
    clients.map((client) =>
      first(
        client.watchHealth(),
        ({ adapters, hubs }) =>
          adapters.every(({ state }) => state === AdapterState.READY) &&
          hubs.length === 2 &&
          hubs.every((hub) => hub.adapters.length === 1),
      ),
    ),
  );
  for (const { hub, hubs, adapters } of seen) {
    expect(adapters.map(({ id, version }) => [id, version])).toEqual([
      ['billing', '1.0.0'],
      ['lab', '1.0.0'],
    ]);
    expect(hubs.map(({ name }) => name)).toContain(hub?.name);
    for (const { id, owner } of adapters) expect(hubs.find(({ name }) => name === owner?.hub)?.adapters).toEqual([id]);
  }
  expect(seen[0]?.adapters.map(({ owner }) => owner)).toEqual(seen[1]?.adapters.map(({ owner }) => owner));
  expect(seen[0]?.hub?.name).not.toBe(seen[1]?.hub?.name);
});

test('each carries out what the other is asked, and shows what came of it', async () => {
  const [admin, other] = admins as [AdminClient, AdminClient];
  for (const adapter of ['billing', 'lab']) await admin.pause(adapter, 'maintenance');
  const arePaused = ({ adapters }: Health) => adapters.every(({ reason }) => reason === 'maintenance');
  await Promise.all(clients.map((client) => first(client.watchHealth(), arePaused)));
  const id = randomUUID();
  await clients[0].publishAndWait({ id, type: 'ProcessUpdated' }, 0);
  for (const { list } of [admin, other]) {
    const held = await list({ eventIds: [id], states: [DeliveryState.HELD] });
    expect(held.map(({ latest }) => latest?.heldBy)).toEqual([HeldBy.PAUSED, HeldBy.PAUSED]);
  }
  expect(await other.discard({ filter: { eventIds: [id] }, reason: 'not needed' })).toBe(2n);
  for (const adapter of ['billing', 'lab']) {
    expect(await other.resume(adapter, 'it is over')).toMatchObject({ wasPaused: true, formerReason: 'maintenance' });
    expect((await admin.restartAdapter(adapter)).version).toBe('1.0.0');
  }
});

test('neither changes its adapters, or backs up the journal', async () => {
  const [admin] = admins;
  await expect(admin?.addAdapter({ package: 'adapter-lab' })).rejects.toMatchObject({
    ...{ code: 'failed_precondition', reason: 'ADAPTER_REFUSED' },
    message: expect.stringContaining('restart the hubs one after the other'),
  });
  await expect(admin?.backup({ path: 'monday' })).rejects.toMatchObject({ reason: 'BACKUP_REFUSED' });
});

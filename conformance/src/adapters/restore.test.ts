import { cp, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createAdminClient } from '../admin-client.ts';
import { HubFolder } from '../hub-folder.ts';
import { createSyncClient } from '../sync-client.ts';
import { grpcJs } from '../transports/grpc-js.ts';
import { writeLab } from './lab-package.ts';

/** npm and processes of adapters are started in each; a machine under load takes its time for that. */
const TIMEOUT = { timeout: 60_000 };

async function useFolder(): Promise<HubFolder> {
  const folder = await HubFolder.create({ config: { dataDir: 'data' } });
  onTestFinished(() => folder.remove());
  return folder;
}

async function start(folder: HubFolder) {
  const hub = await folder.start();
  const client = createSyncClient(grpcJs.create(hub.address));
  const admin = createAdminClient(grpcJs.create(hub.address));
  onTestFinished(() => {
    client.close();
    admin.close();
  });
  return { hub, client, admin };
}

/** A hub with an adapter that was added and is paused, and an event "waiting" for it; and a backup of it. */
async function backUp(): Promise<string> {
  const folder = await useFolder();
  const { hub, client, admin } = await start(folder);
  await admin.addAdapter({ package: await writeLab(folder.path, { version: '1.0.0' }) });
  await admin.pause('lab', 'a test');
  await client.publishAndWait({ id: 'waiting', type: 'ProcessUpdated' }, 0);
  const { path } = await admin.backup({ path: '2026-01-31' });
  await hub.kill();
  const copy = join(await useFolder().then((kept) => kept.path), 'kept');
  await cp(path, copy, { recursive: true });
  await folder.remove();
  return copy;
}

test(
  'a hub on a copy of a backup has the adapters, their pauses and the waiting deliveries, and delivers them',
  TIMEOUT,
  async () => {
    const backup = await backUp();
    const folder = await useFolder();
    await cp(backup, join(folder.path, 'data'), { recursive: true });
    const { client, admin } = await start(folder);
    const [lab] = (await client.getHealth()).adapters;
    expect(lab).toMatchObject({ id: 'lab', version: '1.0.0', waiting: 1n });
    await admin.resume('lab', 'restored');
    await vi.waitUntil(
      async () => (await client.getEvent('waiting')).deliveries[0]?.latest?.state === DeliveryState.DELIVERED,
      { interval: 20, timeout: 30_000 },
    );
  },
);

test(
  'a hub that was given only the journal reports what waits for which adapter, and is unhealthy',
  TIMEOUT,
  async () => {
    const backup = await backUp();
    const folder = await useFolder();
    expect((await readdir(backup)).sort()).toEqual(['adapters', 'journal.db']);
    await mkdir(join(folder.path, 'data'), { mode: 0o700 });
    await cp(join(backup, 'journal.db'), join(folder.path, 'data', 'journal.db'));
    const { hub, client } = await start(folder);
    const warning = '1 delivery waits for "lab", which is not configured';
    expect((await client.getHealth()).hub?.warnings).toContainEqual(expect.stringContaining(warning));
    expect(hub.log).toContain(JSON.stringify(warning).slice(1, -1));
  },
);

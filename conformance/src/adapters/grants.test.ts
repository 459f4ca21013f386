import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AdapterState } from '@hms-sync/proto/hms/sync/v1/health_service';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { createAdminClient } from '../admin-client.ts';
import { Child } from '../child.ts';
import { HubFolder } from '../hub-folder.ts';
import { createSyncClient, first } from '../sync-client.ts';
import { grpcJs } from '../transports/grpc-js.ts';
import { type LabPackage, writeLab } from './lab-package.ts';

/** npm and processes of adapters are started several times; a machine under load takes its time for that. */
const TIMEOUT = { timeout: 60_000 };
const checkProgram = import.meta.resolve('@hms-sync/sync-hub/check-adapters');

let folder: HubFolder;
beforeEach(async () => {
  folder = await HubFolder.create({ config: {} });
  onTestFinished(() => folder.remove());
});

async function start() {
  const hub = await folder.start();
  const client = createSyncClient(grpcJs.create(hub.address));
  const admin = createAdminClient(grpcJs.create(hub.address));
  onTestFinished(() => {
    client.close();
    admin.close();
  });
  const health = () =>
    first(client.watchHealth(), ({ adapters }) => adapters.every(({ state }) => state !== AdapterState.STARTING));
  return { hub, admin, health };
}

const write = (parts: LabPackage) => writeLab(folder.path, parts);

test('a package gets no more than it is granted, when it is added, upgraded or started', TIMEOUT, async () => {
  const before = await start();
  const adding = { package: await write({ version: '1.0.0' }), dryRun: true };
  expect(await before.admin.addAdapter(adding)).toMatchObject({ adapter: 'lab', version: '1.0.0' });
  expect((await before.health()).adapters).toEqual([]);
  await before.admin.addAdapter({ ...adding, dryRun: false });
  expect(await before.health()).toMatchObject({
    hub: { adapterIsolation: 'none' },
    adapters: [{ id: 'lab', state: AdapterState.READY }],
  });
  await before.hub.stop();

  await folder.configure({ adapterPolicy: { permissions: 'required' } });
  const says = '@clinic/adapter-lab@1.0.0 does not declare what it may reach';
  const { code, stdout } = await new Child({ main: checkProgram, args: ['--config', folder.configFile, '--json'] })
    .ended;
  expect({ code, found: JSON.parse(stdout) }).toMatchObject({
    code: 1,
    found: [{ id: 'lab', loads: false, why: expect.stringContaining(says) }],
  });
  const { admin, health } = await start();
  expect((await health()).adapters).toMatchObject([
    { state: AdapterState.FAILED, reason: expect.stringContaining(says) },
  ]);
  const greedy = { version: '1.1.0', manifest: { limits: { memoryMb: 65_536 }, permissions: {} } };
  const foreign = { version: '1.2.0', dependencies: { x: 'git+https://127.0.0.1:1/x.git' } };
  for (const [parts, why] of [
    [greedy, 'asks for 65536 MB of memory'],
    [foreign, 'depends on x by git'],
  ] as const) {
    const upgrading = admin.upgradeAdapter({ adapter: 'lab', version: await write(parts) });
    await expect(upgrading).rejects.toMatchObject({
      reason: 'ADAPTER_REFUSED',
      message: expect.stringContaining(why),
    });
  }
  expect(await readdir(join(folder.path, '.hms-sync/adapters'))).toEqual(['adapters.lock', 'lab']);
});

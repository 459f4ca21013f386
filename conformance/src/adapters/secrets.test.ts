// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are written so

import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import { AdapterState } from '@hms-sync/proto/hms/sync/v1/health_service';
import { PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type AdminClient, createAdminClient } from '../admin-client.ts';
import { HubFolder } from '../hub-folder.ts';
import { collect, createSyncClient, first, type SyncClient } from '../sync-client.ts';
import { grpcJs } from '../transports/grpc-js.ts';
import { writeLab } from './lab-package.ts';

/** npm and processes of adapters are started in each; a machine under load takes its time for that. */
const TIMEOUT = { timeout: 60_000 };

let folder: HubFolder;
beforeEach(async () => {
  folder = await HubFolder.create({ config: {}, env: { BILLING_TOKEN: 'hunter2', LAB_TOKEN: 'of the lab' } });
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
  return { hub, client, admin };
}

/** A schema that takes what it is given. */
const ANY_CONFIG = `{
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }), jsonSchema: { input: () => ({}) } },
}`;

/** An adapter whose receipt is the token that it was configured with. */
const writeTeller = (version = '1.0.0') =>
  writeLab(folder.path, {
    version,
    members: `config: ${ANY_CONFIG}, open: ({ config }) => config,`,
    push: 'return context.resource.token',
  });

const add = async (admin: AdminClient, token: string) =>
  admin.addAdapter({ package: await writeTeller(), configJson: JSON.stringify({ auth: { token }, token }) });

async function receipt(client: SyncClient): Promise<string | undefined> {
  const { acks } = await client.publishAndWait({ type: 'ProcessUpdated' });
  return acks.findLast(({ state }) => state === DeliveryState.DELIVERED)?.receipt;
}

describe('an adapter that is added while the hub runs', () => {
  test('cannot use a secret that the configuration does not allow, set or not', TIMEOUT, async () => {
    const { admin } = await start();
    for (const name of ['BILLING_TOKEN', 'NOT_SET', 'HOME', 'PATH']) {
      await expect(add(admin, `x \${${name}}`)).rejects.toMatchObject({
        reason: 'ADAPTER_REFUSED',
        message: ['config.auth.token', 'config.token']
          .map(
            (path) =>
              `${path}: an adapter that is added may not use \${${name}}; to allow it, write adapterPolicy: { secrets: ['${name}'] } in hms-sync.yaml and restart the hub`,
          )
          .join('; '),
      });
    }
  });

  test('loses a secret that is no longer allowed at its next start or upgrade', TIMEOUT, async () => {
    await folder.configure({ adapterPolicy: { secrets: ['LAB_*'] } });
    const allowed = await start();
    await add(allowed.admin, '${LAB_TOKEN}');
    expect(await receipt(allowed.client)).toBe('of the lab');
    await allowed.hub.stop();
    await folder.configure({ adapterPolicy: { secrets: ['BILLING_*'] } });
    const { admin, client } = await start();
    const { adapters } = await first(
      client.watchHealth(),
      (health) => health.adapters[0]?.state !== AdapterState.STARTING,
    );
    const says = 'config.token: an adapter that is added may not use ${LAB_TOKEN}';
    expect(adapters).toMatchObject([{ id: 'lab', state: AdapterState.FAILED, reason: expect.stringContaining(says) }]);
    await expect(admin.upgradeAdapter({ adapter: 'lab', version: await writeTeller('1.1.0') })).rejects.toThrow(says);
  });
});

describe('a secret that was rotated', () => {
  test('reaches an adapter when that is restarted, and does not affect the others', TIMEOUT, async () => {
    const secrets = join(folder.path, 'secrets');
    await mkdir(secrets);
    await writeFile(join(secrets, 'LAB_TOKEN'), 'first\n');
    await folder.configure({ secretsDir: 'secrets', adapterPolicy: { secrets: ['LAB_*'] } });
    const { admin, client } = await start();
    await add(admin, '${LAB_TOKEN}');
    const other = await writeLab(folder.path, { version: '2.0.0', push: 'return String(process.pid)' });
    await admin.addAdapter({ package: other, id: 'other' });
    const receipts = async () => {
      const { acks } = await client.publishAndWait({ type: 'ProcessUpdated' });
      const delivered = acks.filter(({ state }) => state === DeliveryState.DELIVERED);
      return new Map(delivered.map(({ adapter, receipt }) => [adapter, receipt]));
    };
    const before = await receipts();
    expect(before.get('lab')).toBe('first');
    await writeFile(join(secrets, 'LAB_TOKEN'), 'second\n');
    expect((await receipts()).get('lab')).toBe('first');
    expect(await admin.restartAdapter('lab')).toMatchObject({ version: '1.0.0' });
    const after = await receipts();
    expect(after.get('lab')).toBe('second');
    expect(after.get('other')).toBe(before.get('other'));
  });

  test(
    'starts an adapter of the configuration file that lacked it, without a restart of the hub',
    TIMEOUT,
    async () => {
      const secrets = join(folder.path, 'secrets');
      await mkdir(secrets);
      const source = await writeTeller();
      const modules = join(folder.path, 'node_modules/@clinic');
      await mkdir(modules, { recursive: true });
      await cp(source, join(modules, 'adapter-lab'), { recursive: true });
      const named = { package: '@clinic/adapter-lab', config: { token: '${NEW_TOKEN}' } };
      await folder.configure({ secretsDir: 'secrets', adapters: [named] });
      const { admin, client } = await start();
      await expect(admin.restartAdapter('lab')).rejects.toThrow(`there is no file NEW_TOKEN in ${secrets}`);
      await writeFile(join(secrets, 'NEW_TOKEN'), 'of today');
      await admin.restartAdapter('lab');
      expect(await receipt(client)).toBe('of today');
    },
  );
});

test('an adapter that does not run is removed with what waits for it, while events arrive', TIMEOUT, async () => {
  await folder.configure({ adapterPolicy: { secrets: ['LAB_*'] } });
  const first = await start();
  await add(first.admin, '${LAB_TOKEN}');
  await first.hub.stop();
  await folder.configure({});
  const { admin, client } = await start();
  await client.publishAndWait({ type: 'ProcessUpdated' }, 0.1);
  await expect(admin.removeAdapter('lab', 'broken')).rejects.toThrow(
    "hms-sync adapter remove lab --discard --reason '<why>'",
  );
  let isOver = false;
  const publishing = (async () => {
    while (!isOver) await collect(client.publish({ event: { type: 'ProcessUpdated' }, until: PublishUntil.ACCEPTED }));
  })();
  const { discarded } = await admin.removeAdapter('lab', 'broken', true);
  isOver = true;
  await publishing;
  expect(discarded).toBeGreaterThan(0n);
  expect(await admin.list({ adapters: [] })).toEqual([]);
});

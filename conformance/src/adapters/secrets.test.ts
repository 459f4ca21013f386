// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are written so

import { DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import { AdapterState } from '@hms-sync/proto/hms/sync/v1/health_service';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type AdminClient, createAdminClient } from '../admin-client.ts';
import { first } from '../first.ts';
import { HubFolder } from '../hub-folder.ts';
import { createSyncClient, type SyncClient } from '../sync-client.ts';
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
const ANY_CONFIG = "{ '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } }";

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
  test('may use no secret that the configuration does not allow, set or not', TIMEOUT, async () => {
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

  test('loses what is no longer allowed at the next start, at an upgrade too', TIMEOUT, async () => {
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

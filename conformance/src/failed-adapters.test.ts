import { randomUUID } from 'node:crypto';
import { HealthCheckResponse_ServingStatus as Status } from '@hms-sync/proto/health/v1/health';
import { HeldBy } from '@hms-sync/proto/hms/sync/v1/ack';
import { type AdapterHealth, AdapterState } from '@hms-sync/proto/hms/sync/v1/health_service';
import { type Sandbox, startSandbox } from '@hms-sync/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { outline } from './acks.ts';
import type { Hub } from './hub.ts';
import { HubFolder } from './hub-folder.ts';
import { adapterEntry, TOKEN, tokenVariables } from './stack.ts';
import { createSyncClient, first, type SyncClient } from './sync-client.ts';
import { connectHttp2 } from './transports/connect-transport.ts';

/** Never seen in a reason or a log, whatever is wrong with the field that holds it. */
const SECRET = 'whsec-zz-marker-secret';

describe('a hub with adapters that cannot run', () => {
  let sandbox: Sandbox;
  let folder: HubFolder;
  let hub: Hub;
  let client: SyncClient;
  let adapters: ReadonlyMap<string, AdapterHealth>;

  beforeAll(async () => {
    sandbox = await startSandbox();
    const { BILLING_TOKEN: _missing, ...env } = tokenVariables;
    folder = await HubFolder.create({
      env,
      config: {
        adapters: [
          adapterEntry('billing', sandbox),
          adapterEntry('scheduling', sandbox),
          { package: '@hms-sync/adapter-records', config: { baseUrl: 'ftp://x', tokn: 'y', signingSecret: SECRET } },
          ...['adapter-throws', 'adapter-from-tomorrow', 'not-an-adapter', 'adapter-without-definition'].map(
            (name) => ({
              package: name,
            }),
          ),
          { package: '@clinic/hms-sync-adapter-nowhere' },
        ],
      },
    });
    for (const name of ['adapter-throws', 'adapter-from-tomorrow', 'not-an-adapter', 'adapter-without-definition']) {
      await folder.install(name);
    }
    hub = await folder.start();
    client = createSyncClient(connectHttp2.create(hub.address));
    const health = await first(client.watchHealth(), (reported) =>
      reported.adapters.every(({ state }) => state !== AdapterState.STARTING),
    );
    adapters = new Map(health.adapters.map((adapter) => [adapter.id, adapter]));
  });
  afterAll(async () => {
    client?.close();
    await folder?.remove();
    await sandbox?.close();
  });

  const failed = [
    {
      what: 'whose secret is not set names the variable',
      id: 'billing',
      says: ['config.token', 'BILLING_TOKEN is not set'],
    },
    {
      what: 'with a wrong configuration names each path',
      id: 'records',
      says: ['config.baseUrl: give an http or https address', 'config.signingSecret: give whsec_', 'tokn'],
    },
    {
      what: 'that throws at import says what it threw',
      id: 'throws',
      says: ['adapter-throws@1.2.3', 'license file is missing'],
    },
    {
      what: 'without a manifest says so',
      id: 'not-an-adapter',
      says: ['hmsSync is missing', 'not an HMS-Sync adapter'],
    },
    { what: 'without a definition says so', id: 'undefined-adapter', says: ['not made by defineAdapter'] },
    {
      what: 'whose package is not installed says how to install it',
      id: 'nowhere',
      says: ['npm install @clinic/hms-sync-adapter-nowhere'],
    },
  ];

  test.for(failed)('an adapter $what', ({ id, says }) => {
    const adapter = adapters.get(id);
    expect(adapter?.state).toBe(AdapterState.FAILED);
    for (const words of says) expect(adapter?.reason).toContain(words);
  });

  test('an adapter that speaks no common protocol is INCOMPATIBLE, and its code is not run', () => {
    const adapter = adapters.get('tomorrow');
    expect(adapter?.state).toBe(AdapterState.INCOMPATIBLE);
    expect(adapter?.reason).toContain('speaks adapter protocol 98, 99, this hub 1');
    expect(hub.log).not.toContain('code of an incompatible adapter was run');
  });

  test('delivers to the adapters that run, and keeps the deliveries of the others', async () => {
    expect(adapters.get('scheduling')?.state).toBe(AdapterState.READY);
    const id = randomUUID();
    const { settled, acks } = await client.publishAndWait({ id, type: 'ProcessUpdated' }, 300);
    expect(settled).toBe(false);
    expect(outline(acks.filter(({ heldBy }) => heldBy === HeldBy.UNSPECIFIED))).toEqual(['scheduling DELIVERED']);
    expect(acks.filter(({ heldBy }) => heldBy === HeldBy.NOT_READY)).toHaveLength(7);
    const { hub: own, adapters: now } = await client.getHealth();
    expect(own?.accepting).toBe(true);
    expect(now.find((adapter) => adapter.id === 'billing')?.waiting).toBe(1n);
    expect(await client.checkHealth('')).toBe(Status.SERVING);
    expect(await client.checkHealth('adapter/billing')).toBe(Status.NOT_SERVING);
  });

  test('shows no secret', () => {
    const reported = [hub.log, ...adapters.values().map(({ reason }) => reason)].join('\n');
    expect(reported).not.toContain(SECRET);
    expect(reported).not.toContain(TOKEN);
  });
});

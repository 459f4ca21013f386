import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Ack, DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import { type AdapterHealth, AdapterState } from '@hms-sync/proto/hms/sync/v1/health_service';
import { PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type AdminClient, createAdminClient } from '../admin-client.ts';
import { CallError } from '../call-error.ts';
import { Child } from '../child.ts';
import type { Hub } from '../hub.ts';
import { HubFolder } from '../hub-folder.ts';
import { collect, createSyncClient, first, present, type SyncClient } from '../sync-client.ts';
import { grpcJs } from '../transports/grpc-js.ts';
import { writeLab } from './lab-package.ts';

/** npm and a process of an adapter are started several times in each; a machine under load takes its time for that. */
const TIMEOUT = { timeout: 60_000 };
const checkProgram = import.meta.resolve('@hms-sync/sync-hub/check-adapters');

let folder: HubFolder;
beforeEach(async () => {
  folder = await HubFolder.create({ config: {} });
  onTestFinished(() => folder.remove());
});

interface Callers {
  readonly client: SyncClient;
  readonly admin: AdminClient;
  /** The lab's health. */
  readonly lab: () => Promise<AdapterHealth | undefined>;
}

async function start(): Promise<Callers & { readonly hub: Hub }> {
  const hub = await folder.start();
  const client = createSyncClient(grpcJs.create(hub.address));
  const admin = createAdminClient(grpcJs.create(hub.address));
  onTestFinished(() => {
    client.close();
    admin.close();
  });
  const lab = async () => {
    const { adapters } = await first(client.watchHealth(), (health) =>
      health.adapters.every(({ state }) => state !== AdapterState.STARTING),
    );
    return adapters.find(({ id }) => id === 'lab');
  };
  return { hub, client, admin, lab };
}

const write = (version: string, parts = {}) => writeLab(folder.path, { version, ...parts });

/** Publishes one event and returns how the lab took it. */
async function deliver({ client }: Callers, key = ''): Promise<Ack> {
  const { acks } = await client.publishAndWait({ id: randomUUID(), type: 'ProcessUpdated', key });
  return present(acks.findLast(({ adapter }) => adapter === 'lab'));
}

/** Publishes events on some keys, one after the other for each, until it is asked to stop. */
function publishOn(keys: readonly string[], { client }: Callers) {
  const published: string[] = [];
  let isOver = false;
  const publishing = Promise.all(
    keys.map(async (key) => {
      for (let number = 0; !isOver; number += 1) {
        const id = `${key}/${number}`;
        await collect(client.publish({ event: { id, key, type: 'ProcessUpdated' }, until: PublishUntil.ACCEPTED }));
        published.push(id);
      }
    }),
  );
  return {
    stop: async () => {
      isOver = true;
      await publishing;
      return published;
    },
  };
}

/** The acks that settled these events, in the order of their records. */
async function settledAcks({ client }: Callers, ids: readonly string[], cursor: string): Promise<readonly Ack[]> {
  const acks: Ack[] = [];
  for await (const page of client.watchAcks({ cursor })) {
    acks.push(...page.acks.filter(({ state }) => state >= DeliveryState.DELIVERED));
    if (acks.length >= ids.length) return acks;
  }
  throw new Error('the acks ended');
}

const numberOf = (id: string) => Number(id.split('/')[1]);

describe('an adapter', () => {
  test('is added from a folder while the hub runs, and still there after a restart', TIMEOUT, async () => {
    const callers = await start();
    const source = await write('1.0.0');
    const added = await callers.admin.addAdapter({ package: source });
    expect(added).toMatchObject({ adapter: 'lab', version: '1.0.0', warnings: [] });
    expect(await deliver(callers)).toMatchObject({ state: DeliveryState.DELIVERED, adapterVersion: '1.0.0' });
    await callers.hub.stop();
    const again = await start();
    expect(await again.lab()).toMatchObject({ state: AdapterState.READY, version: '1.0.0', runtime: 'process' });
    expect(await deliver(again)).toMatchObject({ state: DeliveryState.DELIVERED, adapterVersion: '1.0.0' });
    await again.admin.removeAdapter('lab', 'the lab closed');
    expect(await again.lab()).toBeUndefined();
  });

  test(
    'is upgraded from a tarball under load: no event is lost, reordered or sent twice, and one version delivers each',
    TIMEOUT,
    async () => {
      const callers = await start();
      await callers.admin.addAdapter({ package: await write('1.0.0') });
      const { cursor } = await first(callers.client.watchAcks({}));
      const source = await write('1.1.0');
      await promisify(execFile)('npm', ['pack', source, '--ignore-scripts', '--pack-destination', folder.path]);
      const load = publishOn(['a', 'b', 'c', 'd', 'e', 'f'], callers);
      const tarball = join(folder.path, 'clinic-adapter-lab-1.1.0.tgz');
      expect(await callers.admin.upgradeAdapter({ adapter: 'lab', version: tarball })).toMatchObject({
        version: '1.1.0',
      });
      expect(await deliver(callers, 'a')).toMatchObject({ adapterVersion: '1.1.0' });
      expect(await callers.admin.rollbackAdapter('lab', 'to see it go back')).toMatchObject({ version: '1.0.0' });
      expect(await deliver(callers, 'a')).toMatchObject({ adapterVersion: '1.0.0' });
      const ids = await load.stop();
      const acks = (await settledAcks(callers, [...ids, '', ''], cursor)).filter(({ eventId }) =>
        eventId.includes('/'),
      );
      expect(acks.map(({ eventId }) => eventId).sort()).toEqual(ids.toSorted());
      expect(new Set(acks.map(({ adapterVersion }) => adapterVersion))).toEqual(new Set(['1.0.0', '1.1.0']));
      for (const [, ofKey] of Map.groupBy(acks, ({ eventId }) => eventId.split('/')[0])) {
        expect(ofKey.map(({ eventId }) => numberOf(eventId))).toEqual(ofKey.map((_, place) => place));
        expect(ofKey.map(({ receipt }) => JSON.parse(receipt))).toEqual(
          ofKey.map(() => ({ attempt: 1, redelivered: false })),
        );
      }
      expect(await callers.lab()).toMatchObject({ version: '1.0.0', previousVersion: '1.1.0' });
    },
  );

  test('whose new version throws at import continues with the current one, and reports why', TIMEOUT, async () => {
    const callers = await start();
    await callers.admin.addAdapter({ package: await write('1.0.0') });
    const broken = await write('1.1.0', { atImport: "throw new Error('license file is missing');" });
    const refusal: unknown = await callers.admin
      .upgradeAdapter({ adapter: 'lab', version: broken })
      .catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(CallError);
    expect(refusal).toMatchObject({
      reason: 'ADAPTER_REFUSED',
      message: expect.stringContaining('license file is missing'),
    });
    expect(await callers.lab()).toMatchObject({ state: AdapterState.READY, version: '1.0.0', previousVersion: '' });
    expect(await deliver(callers)).toMatchObject({ state: DeliveryState.DELIVERED, adapterVersion: '1.0.0' });
  });
});

describe('a canary', () => {
  test('that crashes is rolled back, and the previous version delivers its events', TIMEOUT, async () => {
    const callers = await start();
    await callers.admin.addAdapter({ package: await write('1.0.0') });
    const upgrading = callers.admin
      .upgradeAdapter({ adapter: 'lab', version: await write('1.1.0', { push: 'process.exit(3)' }), canaryPercent: 50 })
      .catch((error: unknown) => error);
    await first(callers.client.watchHealth(), ({ adapters }) => adapters[0]?.canary?.version === '1.1.0');
    const acks = await Promise.all(Array.from({ length: 12 }, (_, index) => deliver(callers, `key-${index}`)));
    expect(acks.map(({ state }) => state)).toEqual(acks.map(() => DeliveryState.DELIVERED));
    expect(await upgrading).toMatchObject({ message: expect.stringContaining('was rolled back to 1.0.0') });
    const lab = await callers.lab();
    expect(lab).toMatchObject({ state: AdapterState.READY, version: '1.0.0' });
    expect(lab?.canary).toBeUndefined();
  });

  test(
    'that is interrupted by a kill of the hub starts again with the version that the lock names',
    TIMEOUT,
    async () => {
      const callers = await start();
      await callers.admin.addAdapter({ package: await write('1.0.0') });
      const upgrading = callers.admin
        .upgradeAdapter({ adapter: 'lab', version: await write('1.1.0'), canaryPercent: 50 })
        .catch((error: unknown) => error);
      await first(callers.client.watchHealth(), ({ adapters }) => adapters[0]?.canary?.version === '1.1.0');
      await callers.hub.kill();
      await upgrading;
      const again = await start();
      expect(await again.lab()).toMatchObject({ state: AdapterState.READY, version: '1.0.0', previousVersion: '' });
    },
  );
});

describe('an installed version', () => {
  const installedFile = (version: string) =>
    join(folder.path, '.hms-sync/adapters/lab', version, 'node_modules/@clinic/adapter-lab/index.js');

  async function flipByte(path: string): Promise<void> {
    const bytes = await readFile(path);
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    await writeFile(path, bytes);
  }

  test(
    'of which one byte was changed is not loaded: the previous version is, and health reports why',
    TIMEOUT,
    async () => {
      const callers = await start();
      await callers.admin.addAdapter({ package: await write('1.0.0') });
      await callers.admin.upgradeAdapter({ adapter: 'lab', version: await write('1.1.0') });
      await callers.hub.stop();
      await flipByte(installedFile('1.1.0'));
      const again = await start();
      const lab = await again.lab();
      expect(lab).toMatchObject({ state: AdapterState.READY, version: '1.0.0' });
      expect(lab?.notice).toContain(`${installedFile('1.1.0')} was changed`);
      expect(await deliver(again)).toMatchObject({ adapterVersion: '1.0.0' });
      await again.hub.stop();
      await flipByte(installedFile('1.0.0'));
      const third = await start();
      expect(await third.lab()).toMatchObject({
        state: AdapterState.FAILED,
        reason: expect.stringContaining(`${installedFile('1.1.0')} was changed`),
      });
    },
  );
});

describe('an adapter that the configuration names by a range', () => {
  const named = { adapters: [{ package: '@clinic/adapter-lab@^1.0.0', id: 'lab' }] };

  async function check() {
    const { code, stdout } = await new Child({ main: checkProgram, args: ['--config', folder.configFile, '--json'] })
      .ended;
    return { code, reported: JSON.parse(stdout).at(0) };
  }

  test(
    'waits until it is installed, then loads what the lock names, and nothing outside of the range',
    TIMEOUT,
    async () => {
      await folder.configure(named);
      const callers = await start();
      expect(await callers.lab()).toMatchObject({
        state: AdapterState.FAILED,
        reason: expect.stringContaining("install it: hms-sync adapter add '@clinic/adapter-lab@^1.0.0' --id lab"),
      });
      expect(await check()).toMatchObject({ code: 1, reported: { id: 'lab', loads: false } });
      const waiting = await callers.client.publishAndWait({ id: 'early', type: 'ProcessUpdated' }, 1);
      expect(waiting.settled).toBe(false);
      const { cursor } = await first(callers.client.watchAcks({}));
      await callers.admin.addAdapter({ package: await write('1.0.0') });
      await settledAcks(callers, ['early'], cursor);
      await expect(callers.admin.upgradeAdapter({ adapter: 'lab', version: await write('2.0.0') })).rejects.toThrow(
        'hms-sync.yaml allows ^1.0.0 of lab, and not 2.0.0',
      );
      await expect(callers.admin.removeAdapter('lab', 'x')).rejects.toThrow('take it out there and restart');
      await callers.hub.stop();
      expect(await check()).toMatchObject({
        code: 0,
        reported: { id: 'lab', loads: true, version: '1.0.0', why: expect.stringContaining('adapters.lock names it') },
      });
      const again = await start();
      expect(await again.lab()).toMatchObject({ state: AdapterState.READY, version: '1.0.0' });
      await again.hub.stop();
      await folder.configure({ adapters: [{ package: '@clinic/adapter-lab@^1.2.0', id: 'lab' }] });
      expect(await check()).toMatchObject({
        code: 1,
        reported: { loads: false, why: expect.stringContaining('adapters.lock has @clinic/adapter-lab@1.0.0') },
      });
    },
  );
});

test('a package that is not an adapter is rejected, and nothing of it is left', TIMEOUT, async () => {
  const { admin } = await start();
  const source = await write('1.0.0');
  const packageJson = JSON.parse(await readFile(join(source, 'package.json'), 'utf8'));
  await writeFile(join(source, 'package.json'), JSON.stringify({ ...packageJson, keywords: [] }));
  await expect(admin.addAdapter({ package: source })).rejects.toMatchObject({ reason: 'ADAPTER_REFUSED' });
  await promisify(execFile)('mkfifo', [join(folder.path, 'pipe')]);
  for (const wanted of ['./relative', join(folder.path, 'pipe'), '/dev/zero', folder.path, '--help', '-lab@1.0.0']) {
    await expect(admin.addAdapter({ package: wanted })).rejects.toMatchObject({ reason: 'REQUEST_INVALID' });
  }
  expect(await readdir(join(folder.path, '.hms-sync/adapters'))).toEqual([]);
});

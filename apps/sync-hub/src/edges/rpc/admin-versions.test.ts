import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import type { AddRequest, Installed, Review, UpgradeRequest } from '../../installs/adapter-lifecycle.ts';
import { InstallError, type InstallFault } from '../../installs/install-error.ts';
import { openAdminTestHub, rejectionOf } from './admin-hub.fixture.ts';
import { HealthFeed } from './health-feed.ts';

const installed: Installed = { id: 'lab', version: '1.1.0', warnings: ['reach: it does not answer'] };

const permissions = { fsRead: ['/certs'], fsWrite: [], childProcess: false, worker: true, addons: false };
const review: Review = {
  manifest: {
    ...{ id: 'lab', package: '@clinic/adapter-lab', version: '1.1.0', folder: '/nowhere', entry: '.' },
    ...{ memoryMb: 256, permissions },
  },
  ...{ integrity: 'sha512-lab', origin: 'https://registry.example/lab.tgz', secrets: ['LAB_TOKEN'] },
};

/** A hub whose installing room notes what it is asked, and does or refuses it. */
async function openHub(rejection?: InstallError) {
  const asked: unknown[] = [];
  const answer = async (what: unknown) => {
    asked.push(what);
    if (rejection !== undefined) throw rejection;
    return installed;
  };
  const lifecycle = {
    add: (request: AddRequest) => answer({ add: request }),
    reviewAdd: (request: AddRequest) => answer({ reviewAdd: request }).then(() => review),
    upgrade: (request: UpgradeRequest) => answer({ upgrade: request }),
    reviewUpgrade: (request: UpgradeRequest) => answer({ reviewUpgrade: request }).then(() => review),
    rollback: (id: string, reason: string) => answer({ rollback: id, reason }),
    restart: (id: string) => answer({ restart: id }),
    remove: async (id: string, options?: { readonly discard: string }) => {
      await answer({ remove: id, ...options });
      return options === undefined ? 0 : 7;
    },
  };
  const hub = await openAdminTestHub({ deps: () => ({ lifecycle }) });
  return { hub, asked };
}

describe('an operator', () => {
  it('adds an adapter with its configuration, and returns what its check found', async () => {
    const { hub, asked } = await openHub();
    const token = `\${LAB_TOKEN}`;
    const added = await hub.admin.addAdapter({
      package: '@clinic/adapter-lab@^1',
      configJson: JSON.stringify({ token }),
      id: 'lab',
    });
    expect(added).toMatchObject({ adapter: 'lab', version: '1.1.0', warnings: ['reach: it does not answer'] });
    expect(asked).toEqual([{ add: { package: '@clinic/adapter-lab@^1', id: 'lab', config: { token } } }]);
    await hub.admin.addAdapter({ package: '/packages/lab' });
    expect(asked[1]).toEqual({ add: { package: '/packages/lab', id: undefined, config: undefined } });
    expect(hub.changes[0]).toEqual({ change: 'add', adapter: 'lab', adapterVersion: '1.1.0' });
  });

  it('upgrades all at once, or a share of the keys first with what proves a version by default', async () => {
    const { hub, asked } = await openHub();
    await hub.admin.upgradeAdapter({ adapter: 'lab', version: '^1.1' });
    await hub.admin.upgradeAdapter({ adapter: 'lab', version: '1.1.0', canaryPercent: 10, allowDowngrade: true });
    const canaryTime = durationFromMs(5_000);
    await hub.admin.upgradeAdapter({ adapter: 'lab', version: '1', canaryPercent: 99, canaryAttempts: 50, canaryTime });
    expect(asked).toEqual([
      { upgrade: { id: 'lab', version: '^1.1', canary: undefined, allowDowngrade: false } },
      {
        upgrade: {
          id: 'lab',
          version: '1.1.0',
          canary: { percent: 10, attempts: 200, timeMs: 600_000 },
          allowDowngrade: true,
        },
      },
      {
        upgrade: {
          id: 'lab',
          version: '1',
          canary: { percent: 99, attempts: 50, timeMs: 5_000 },
          allowDowngrade: false,
        },
      },
    ]);
  });

  it('sees what a package asks for before anything is changed, and has that installed and nothing else', async () => {
    const { hub, asked } = await openHub();
    const wanted = { package: '@clinic/adapter-lab@^1', id: 'lab' };
    const shown = await hub.admin.addAdapter({ ...wanted, dryRun: true });
    const facts = { package: '@clinic/adapter-lab', origin: 'https://registry.example/lab.tgz', memoryMb: 256 };
    expect(shown).toMatchObject({
      ...{ adapter: 'lab', version: '1.1.0' },
      review: { ...facts, integrity: 'sha512-lab', permissions, secrets: ['LAB_TOKEN'] },
    });
    const upgrade = { adapter: 'lab', version: '^1.1' };
    expect(await hub.admin.upgradeAdapter({ ...upgrade, dryRun: true })).toMatchObject({
      version: '1.1.0',
      review: { integrity: 'sha512-lab' },
    });
    expect(hub.changes).toEqual([]);
    expect(await hub.audited()).toEqual([]);
    await hub.admin.addAdapter({ ...wanted, integrity: 'sha512-lab' });
    await hub.admin.upgradeAdapter({ ...upgrade, integrity: 'sha512-lab' });
    const added = { ...wanted, config: undefined };
    const upgraded = { id: 'lab', version: '^1.1', canary: undefined, allowDowngrade: false };
    expect(asked).toEqual([
      { reviewAdd: { ...added, integrity: undefined } },
      { reviewUpgrade: { ...upgraded, integrity: undefined } },
      { add: { ...added, integrity: 'sha512-lab' } },
      { upgrade: { ...upgraded, integrity: 'sha512-lab' } },
    ]);
  });

  it('rolls back and removes with a reason, which goes into the log', async () => {
    const { hub, asked } = await openHub();
    expect(await hub.admin.rollbackAdapter({ adapter: 'lab', reason: 'it is slow' })).toMatchObject({
      version: '1.1.0',
    });
    await hub.admin.removeAdapter({ adapter: 'lab', reason: 'the lab closed' });
    expect(asked).toEqual([{ rollback: 'lab', reason: 'it is slow' }, { remove: 'lab' }]);
    expect(hub.changes).toEqual([
      { change: 'rollback', adapter: 'lab', adapterVersion: '1.1.0', reason: 'it is slow' },
      { change: 'remove', adapter: 'lab', reason: 'the lab closed' },
    ]);
  });
});

describe('an operator at night', () => {
  it('removes an adapter with all that waits for it', async () => {
    const { hub, asked } = await openHub();
    const removed = await hub.admin.removeAdapter({ adapter: 'lab', reason: 'it is broken', discard: true });
    expect(removed.discarded).toBe(7n);
    expect(asked).toEqual([{ remove: 'lab', discard: 'it is broken' }]);
    expect(hub.changes).toEqual([{ change: 'remove', adapter: 'lab', reason: 'it is broken', deliveries: 7 }]);
  });

  it('starts one adapter again, with or without a reason', async () => {
    const { hub, asked } = await openHub();
    const restarted = await hub.admin.restartAdapter({ adapter: 'lab' });
    expect(restarted).toMatchObject({ version: '1.1.0', warnings: ['reach: it does not answer'] });
    await hub.admin.restartAdapter({ adapter: 'lab', reason: 'a new token' });
    expect(asked).toEqual([{ restart: 'lab' }, { restart: 'lab' }]);
    expect(hub.changes).toEqual([
      { change: 'restart', adapter: 'lab', adapterVersion: '1.1.0' },
      { change: 'restart', adapter: 'lab', adapterVersion: '1.1.0', reason: 'a new token' },
    ]);
  });
});

it('refuses what is outside the bounds, with the field, before anything is installed', async () => {
  const { hub, asked } = await openHub();
  const { admin } = hub;
  const upgrade = { adapter: 'lab', version: '1' };
  const wrong: readonly (readonly [string, Promise<unknown>])[] = [
    ['package', admin.addAdapter({})],
    ['id', admin.addAdapter({ package: 'lab', id: 'Lab' })],
    ['config_json', admin.addAdapter({ package: 'lab', configJson: '{"token": whsec-marker' })],
    ['config_json', admin.addAdapter({ package: 'lab', configJson: '[]' })],
    ['config_json', admin.addAdapter({ package: 'lab', configJson: '\ufeff{}' })],
    ['config_json', admin.addAdapter({ package: 'lab', configJson: `{"a":${'['.repeat(64)}${']'.repeat(64)}}` })],
    ['config_json.fee', admin.addAdapter({ package: 'lab', configJson: '{"fee":9007199254740993}' })],
    ['config_json.fees.0', admin.addAdapter({ package: 'lab', configJson: '{"fees":[123456789012345.678]}' })],
    ['config_json.a', admin.addAdapter({ package: 'lab', configJson: '{"a":1e400}' })],
    ['adapter', admin.upgradeAdapter({ version: '1' })],
    ['version', admin.upgradeAdapter({ adapter: 'lab' })],
    ['canary_percent', admin.upgradeAdapter({ ...upgrade, canaryPercent: 100 })],
    ['canary_attempts', admin.upgradeAdapter({ ...upgrade, canaryPercent: 1, canaryAttempts: 1_000_001 })],
    ['canary_time', admin.upgradeAdapter({ ...upgrade, canaryPercent: 1, canaryTime: durationFromMs(999) })],
    ['reason', admin.rollbackAdapter({ adapter: 'lab' })],
    ['reason', admin.removeAdapter({ adapter: 'lab' })],
    ['reason', admin.removeAdapter({ adapter: 'lab', discard: true })],
    ['reason', admin.restartAdapter({ adapter: 'lab', reason: 'two\nlines' })],
    ['adapter', admin.restartAdapter({})],
    ['reason', admin.retryAdapter({ adapter: 'billing', reason: 'x'.repeat(257) })],
    ['adapter', admin.retryAdapter({})],
  ];
  for (const [field, call] of wrong) {
    const rejection = await rejectionOf(call);
    expect(rejection).toMatchObject({ code: 'InvalidArgument', reason: 'REQUEST_INVALID', fields: [field] });
    expect(rejection.message).not.toContain('whsec-marker');
  }
  expect(asked).toEqual([]);
});

it.each<[InstallFault, string, string]>([
  ['SPEC_INVALID', 'InvalidArgument', 'REQUEST_INVALID'],
  ['NOT_FOUND', 'NotFound', 'PACKAGE_NOT_FOUND'],
  ['NO_SUCH_ADAPTER', 'NotFound', 'ADAPTER_NOT_FOUND'],
  ['NPM_FAILED', 'FailedPrecondition', 'INSTALL_FAILED'],
  ['LOCK_FAILED', 'FailedPrecondition', 'INSTALL_FAILED'],
  ['UNSETTLED', 'FailedPrecondition', 'ADAPTER_UNSETTLED'],
  ['NOT_AN_ADAPTER', 'FailedPrecondition', 'ADAPTER_REFUSED'],
  ['TAKEN', 'FailedPrecondition', 'ADAPTER_REFUSED'],
  ['CHANGED', 'FailedPrecondition', 'ADAPTER_REFUSED'],
  ['DOES_NOT_RUN', 'FailedPrecondition', 'ADAPTER_REFUSED'],
  ['NOT_NOW', 'FailedPrecondition', 'ADAPTER_REFUSED'],
])('reports %s as %s with %s, and logs no change', async (fault, code, reason) => {
  const { hub } = await openHub(new InstallError(fault, 'this is what was wrong'));
  const rejection = await rejectionOf(hub.admin.upgradeAdapter({ adapter: 'lab', version: '1' }));
  expect(rejection).toMatchObject({ code, reason, message: expect.stringContaining('this is what was wrong') });
  expect(hub.changes).toEqual([]);
});

it('health reports what there is beside the version that runs', async () => {
  const { hub } = await openHub();
  const feed = new HealthFeed({
    version: '1.2.3',
    startedAtMs: 0,
    journal: hub.journal,
    lanes: hub.lanes,
    versions: (id) => ({ previous: `before-${id}`, notice: 'its newest version was refused' }),
    notAcceptingReason: () => '',
  });
  expect(feed.now().adapters[0]).toMatchObject({
    previousVersion: 'before-billing',
    notice: 'its newest version was refused',
  });
});

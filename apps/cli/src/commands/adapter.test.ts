import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { PackageReviewSchema } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { AdapterHealthSchema, AdapterState } from '@hms-sync/proto/hms/sync/v1/health_service';
import { afterEach, describe, expect, test } from 'vitest';
import { type FakeHub, startFakeHub } from '../../test/fake-hub.ts';
import { runAnswering, runInProcess } from '../../test/run-in-process.ts';
import { ExitCode } from '../failure.ts';

let fake: FakeHub | undefined;
afterEach(() => fake?.close());

const lab = create(AdapterHealthSchema, {
  ...{ id: 'lab', package: '@clinic/adapter-lab', version: '1.1.0', runtime: 'process', state: AdapterState.READY },
  ...{ previousVersion: '1.0.0', canary: { version: '1.2.0', percent: 10, attempts: 40n, failures: 1n } },
});

const review: MessageInitShape<typeof PackageReviewSchema> = {
  ...{ package: '@clinic/adapter-lab', origin: 'https://registry.example/lab-1.0.0.tgz' },
  ...{ integrity: 'sha512-lab', memoryMb: 256, secrets: ['LAB_HOST', 'LAB_TOKEN'] },
  permissions: {
    fsRead: ['./certs', '/etc/lab'],
    fsWrite: ['/tmp/lab'],
    childProcess: true,
    worker: true,
    addons: true,
  },
};

/** A hub that takes what is asked of it. An old one knows no dry run. */
async function start({ isOld = false } = {}): Promise<{ asked: unknown[]; address: string }> {
  const asked: unknown[] = [];
  const warnings = ['reach: no answer'];
  fake = await startFakeHub({
    health: { getHealth: () => ({ health: { adapters: [lab] } }) },
    admin: {
      addAdapter: ({ package: wanted, configJson, id, dryRun, integrity }) => {
        asked.push({ add: wanted, configJson, id, ...(dryRun && { dryRun }), ...(integrity && { integrity }) });
        if (dryRun) return { adapter: 'lab', version: '1.0.0', ...(!isOld && { review }) };
        return { adapter: 'lab', version: '1.0.0', warnings };
      },
      upgradeAdapter: (request) => {
        const { adapter, version, canaryPercent, canaryAttempts, canaryTime, allowDowngrade, dryRun, integrity } =
          request;
        if (dryRun || integrity !== '') {
          asked.push({ upgrade: adapter, version, ...(dryRun ? { dryRun } : { integrity }) });
          return { version: '1.1.0', ...(dryRun && { review: { ...review, permissions: undefined, secrets: [] } }) };
        }
        const timeMs = canaryTime && durationMs(canaryTime);
        asked.push({ upgrade: adapter, version, canaryPercent, canaryAttempts, timeMs, allowDowngrade });
        return { version: '1.1.0' };
      },
      rollbackAdapter: ({ adapter, reason }) => {
        asked.push({ rollback: adapter, reason });
        return { version: '1.0.0' };
      },
      removeAdapter: ({ adapter, reason, discard }) => {
        asked.push({ remove: adapter, reason, discard });
        return { discarded: discard ? 5n : 0n };
      },
      restartAdapter: ({ adapter, reason }) => {
        asked.push({ restart: adapter, reason });
        return { version: '1.0.0', warnings: ['lab is still paused (HTTP_401)'] };
      },
      retryAdapter: ({ adapter, reason }) => {
        asked.push({ retry: adapter, reason });
        return { retried: adapter === 'lab' ? 1n : 1076n };
      },
    },
  });
  return { asked, address: fake.address };
}

const nobody = ['--address', 'http://127.0.0.1:1'];

describe('hms-sync adapter', () => {
  test('add sends the package, its configuration and its id, and prints warnings of its check', async () => {
    const { asked, address } = await start();
    const config = JSON.stringify({ token: `\${LAB_TOKEN}` });
    const flags = ['--config', config, '--id', 'lab', '--address', address];
    const run = await runInProcess('adapter', 'add', '@clinic/adapter-lab@^1', '--yes', ...flags);
    expect(run.stdout()).toBe('lab 1.0.0 is added; it gets events that are published from now on.\n');
    expect(run.stderr()).toBe('hms-sync: warning of its check: reach: no answer\n');
    const json = await runInProcess('adapter', 'add', './lab', '--yes', '--json', '--address', address);
    expect(json.jsonLines()).toEqual([{ adapter: 'lab', version: '1.0.0', warnings: ['reach: no answer'] }]);
    expect(asked).toEqual([
      { add: '@clinic/adapter-lab@^1', configJson: config, id: 'lab' },
      { add: `${process.cwd()}/lab`, configJson: '', id: '' },
    ]);
  });

  test('add shows what the package asks for, and installs just that after a yes', async () => {
    const { asked, address } = await start();
    const run = await runAnswering(true, 'adapter', 'add', '@clinic/adapter-lab@^1', '--address', address);
    expect(run.stdout()).toBe('lab 1.0.0 is added; it gets events that are published from now on.\n');
    expect(run.stderr().split('\n').slice(0, -2)).toEqual([
      'ADAPTER  lab',
      'PACKAGE  @clinic/adapter-lab',
      'FROM     https://registry.example/lab-1.0.0.tgz',
      'MEMORY   at most 256 MB',
      'MAY      use the network; read ./certs, /etc/lab; write /tmp/lab; start programs; start threads; load native add-ons',
      'SECRETS  LAB_HOST, LAB_TOKEN',
      'Install lab 1.0.0?',
    ]);
    const wanted = { add: '@clinic/adapter-lab@^1', configJson: '', id: '' };
    expect(asked).toEqual([
      { ...wanted, dryRun: true },
      { ...wanted, integrity: 'sha512-lab' },
    ]);
  });

  test('upgrade does so too', async () => {
    const { asked, address } = await start();
    const run = await runAnswering(true, 'adapter', 'upgrade', 'lab', '^1.1', '--address', address);
    expect(run.stdout()).toBe('lab runs 1.1.0.\n');
    expect(run.stderr()).toContain(
      "\nMAY      whatever the hub's user may: it declares no permissions\nInstall lab 1.1.0?",
    );
    expect(asked).toEqual([
      { upgrade: 'lab', version: '^1.1', dryRun: true },
      { upgrade: 'lab', version: '^1.1', integrity: 'sha512-lab' },
    ]);
  });

  test.each([
    ['add', '@clinic/adapter-lab@^1'],
    ['upgrade', 'lab', '^1.1'],
  ])('%s installs nothing after a no, and asks nobody where nobody can answer', async (...words) => {
    const { asked, address } = await start();
    const declined = await runAnswering(false, 'adapter', ...words, '--address', address);
    expect(declined.exitCode).toBe(ExitCode.failed);
    expect(declined.stderr()).toContain('hms-sync: nothing was installed\n');
    expect(asked).toMatchObject([{ dryRun: true }]);
    const unasked = await runInProcess('adapter', ...words, '--address', address);
    expect(unasked.exitCode).toBe(ExitCode.usage);
    expect(unasked.stderr()).toContain('add --yes');
    expect(asked).toHaveLength(1);
  });

  test('add says so when an older hub did not ask first', async () => {
    const { address } = await start({ isOld: true });
    const run = await runAnswering(true, 'adapter', 'add', '@clinic/adapter-lab@^1', '--address', address);
    expect(run.exitCode).toBe(ExitCode.failed);
    expect(run.stderr()).toContain('it installed the package without asking');
  });

  test('list shows the running version, the previous one, and a canary', async () => {
    const { address } = await start();
    const run = await runInProcess('adapter', 'list', '--address', address);
    expect(run.stdout()).toBe(
      [
        'ADAPTER  PACKAGE              VERSION  RUNTIME  STATE  PREVIOUS',
        'lab      @clinic/adapter-lab  1.1.0    process  READY  1.0.0',
        '',
        'lab: canary 1.2.0 has 10% of the keys; 1 of its 40 attempts failed',
        '',
      ].join('\n'),
    );
    const json = await runInProcess('adapter', 'list', '--json', '--address', address);
    expect(JSON.parse(json.stdout())).toMatchObject({
      adapters: [
        {
          ...{ id: 'lab', version: '1.1.0', previous_version: '1.0.0', state: 'READY' },
          canary: { version: '1.2.0', percent: 10, attempts: 40, failures: 1 },
        },
      ],
    });
    const lines = await runInProcess('adapter', 'list', '--jsonl', '--address', address);
    expect(lines.jsonLines()).toMatchObject([{ id: 'lab', version: '1.1.0' }]);
  });

  test.each([
    [[], "There are no adapters. To add one: hms-sync adapter add '<package>' --address ADDRESS\n"],
    [['--json'], '{"adapters":[]}\n'],
    [['--jsonl'], ''],
  ])('list without adapters prints what can be read (%j)', async (flags, printed) => {
    fake = await startFakeHub({ health: { getHealth: () => ({ health: {} }) } });
    const run = await runInProcess('adapter', 'list', ...flags, '--address', fake.address);
    expect(run.stdout()).toBe(printed.replace('ADDRESS', fake.address));
    expect(run.exitCode).toBe(ExitCode.ok);
  });

  test('upgrade is sent without a canary, or with its share, attempts and minutes', async () => {
    const { asked, address } = await start();
    const flags = ['--yes', '--address', address];
    const all = await runInProcess('adapter', 'upgrade', 'lab', '^1.1', '--allow-downgrade', ...flags);
    expect(all.stdout()).toBe('lab runs 1.1.0.\n');
    const canary = ['--canary', '10%', '--canary-attempts', '50', '--canary-minutes', '5'];
    const run = await runInProcess('adapter', 'upgrade', 'lab', '1.1.0', ...canary, ...flags);
    expect(run.stderr()).toContain('10% of the keys get it first');
    expect(asked).toEqual([
      { upgrade: 'lab', version: '^1.1', canaryPercent: 0, canaryAttempts: 0, timeMs: undefined, allowDowngrade: true },
      {
        ...{ upgrade: 'lab', version: '1.1.0', canaryPercent: 10, canaryAttempts: 50, timeMs: 300_000 },
        allowDowngrade: false,
      },
    ]);
  });

  test('rollback and remove send the reason', async () => {
    const { asked, address } = await start();
    const back = await runInProcess('adapter', 'rollback', 'lab', '--reason', 'it is slow', '--address', address);
    expect(back.stdout()).toBe('lab runs 1.0.0.\n');
    const gone = await runInProcess('adapter', 'remove', 'lab', '--reason', 'closed', '--json', '--address', address);
    expect(gone.jsonLines()).toEqual([{ adapter: 'lab', removed: true }]);
    expect(asked).toEqual([
      { rollback: 'lab', reason: 'it is slow' },
      { remove: 'lab', reason: 'closed', discard: false },
    ]);
  });

  test('remove --discard prints how many deliveries were discarded', async () => {
    const { asked, address } = await start();
    const flags = ['--discard', '--reason', 'closed', '--address', address];
    const run = await runInProcess('adapter', 'remove', 'lab', ...flags);
    expect(run.stdout()).toBe('lab is removed; 5 deliveries discarded.\n');
    const json = await runInProcess('adapter', 'remove', 'lab', ...flags, '--json');
    expect(json.jsonLines()).toEqual([{ adapter: 'lab', removed: true, discarded: 5 }]);
    expect(asked[0]).toEqual({ remove: 'lab', reason: 'closed', discard: true });
  });

  test('restart prints the version and what still prevents deliveries', async () => {
    const { asked, address } = await start();
    const run = await runInProcess('adapter', 'restart', 'lab', '--address', address);
    expect(run.stdout()).toBe('lab 1.0.0 was restarted.\n');
    expect(run.stderr()).toBe('hms-sync: lab is still paused (HTTP_401)\n');
    const json = await runInProcess('adapter', 'restart', 'lab', '--reason', 'a token', '--json', '--address', address);
    expect(json.jsonLines()).toEqual([
      { adapter: 'lab', version: '1.0.0', warnings: ['lab is still paused (HTTP_401)'] },
    ]);
    expect(asked).toEqual([
      { restart: 'lab', reason: '' },
      { restart: 'lab', reason: 'a token' },
    ]);
  });

  test('add names the flag when its configuration is not JSON, and calls no hub', async () => {
    const { asked, address } = await start();
    const ended = await runInProcess('adapter', 'add', '@c/a', '--config', '{token: hunter2}', '--address', address);
    expect(ended.exitCode).toBe(ExitCode.usage);
    expect(ended.stderr()).toBe('hms-sync: --config is not JSON: unexpected character or end at position 1\n');
    expect(asked).toEqual([]);
  });

  test('retry of an adapter for which nothing waits reports it', async () => {
    fake = await startFakeHub({ admin: { retryAdapter: () => ({ retried: 0n }) } });
    const none = await runInProcess('adapter', 'retry', 'lab', '--address', fake.address);
    expect(none.stdout()).toBe('lab has no delivery that waits for a retry.\n');
  });

  test('retry reports how many deliveries waited', async () => {
    const { asked, address } = await start();
    const one = await runInProcess('adapter', 'retry', 'lab', '--address', address);
    expect(one.stdout()).toBe('1 delivery of lab will be retried now.\n');
    const many = await runInProcess(
      'adapter',
      'retry',
      'billing',
      '--reason',
      'it is back',
      '--json',
      '--address',
      address,
    );
    expect(many.jsonLines()).toEqual([{ adapter: 'billing', retried: 1076 }]);
    expect(asked).toEqual([
      { retry: 'lab', reason: '' },
      { retry: 'billing', reason: 'it is back' },
    ]);
  });

  test.each([
    ['rollback', 'lab'],
    ['remove', 'lab'],
    ['remove', 'lab', '--discard'],
    ['restart'],
    ['retry'],
    ['upgrade', 'lab', '1', '--canary', '100%'],
    ['upgrade', 'lab', '1', '--canary', 'some'],
    ['upgrade', 'lab', '1', '--canary-minutes', '5'],
    ['upgrade', 'lab'],
    ['add'],
  ])('rejects %j before it asks a hub', async (...args) => {
    const run = await runInProcess('adapter', ...args, ...nobody);
    expect(run.exitCode).toBe(ExitCode.usage);
  });
});

describe('hms-sync adapter show', () => {
  test('shows one adapter, each fact on its own line', async () => {
    const { address } = await start();
    const run = await runInProcess('adapter', 'show', 'lab', '--address', address);
    expect(run.stdout()).toBe(
      [
        'ADAPTER       lab',
        'PACKAGE       @clinic/adapter-lab',
        'VERSION       1.1.0',
        'RUNTIME       process',
        'STATE         READY',
        'PREVIOUS      1.0.0',
        'WAITING       0',
        'RUNNING       0',
        'OLDEST        -',
        'DEAD LETTERS  0',
        'FAILED        -',
        'BREAKER       -',
        '',
        'lab: canary 1.2.0 has 10% of the keys; 1 of its 40 attempts failed',
        '',
      ].join('\n'),
    );
    const json = await runInProcess('adapter', 'show', 'lab', '--json', '--address', address);
    expect(json.jsonLines()).toMatchObject([{ id: 'lab', version: '1.1.0', waiting: 0 }]);
  });

  test('lists the known adapters when the id is unknown', async () => {
    const { address } = await start();
    const run = await runInProcess('adapter', 'show', 'billing', '--address', address);
    expect(run.exitCode).toBe(ExitCode.usage);
    expect(run.stderr()).toBe('hms-sync: the hub has no adapter "billing"; its adapters: lab\n');
  });
});

const reason = 'audit, says Dana';

/** A hub with one adapter in this state. */
async function startBilling({
  probed = '',
  state = AdapterState.READY,
  why = '',
  formerReason = '',
} = {}): Promise<{ asked: unknown[]; address: string }> {
  const asked: unknown[] = [];
  fake = await startFakeHub({
    health: { getHealth: () => ({ health: { adapters: [{ id: 'billing', state, reason: why }] } }) },
    admin: {
      pauseAdapter: ({ adapter, reason }) => {
        asked.push({ pause: adapter, reason });
        return { wasPaused: formerReason !== '', formerReason };
      },
      resumeAdapter: ({ adapter, reason }) => {
        asked.push({ resume: adapter, reason });
        return { wasPaused: formerReason !== '', formerReason };
      },
      probeAdapter: ({ adapter }) => {
        asked.push({ probe: adapter });
        return { eventId: probed };
      },
    },
  });
  return { asked, address: fake.address };
}

describe('hms-sync adapter pause and resume', () => {
  test('send the adapter and the reason', async () => {
    const { asked, address } = await startBilling();
    const paused = await runInProcess('adapter', 'pause', 'billing', '--reason', reason, '--address', address);
    expect(paused.stdout()).toBe(
      'billing is paused; its deliveries wait in order.\n' +
        `To resume it: hms-sync adapter resume billing --reason 'why it may continue' --address ${address}\n`,
    );
    const resumed = await runInProcess(
      'adapter',
      'resume',
      'billing',
      '--reason',
      reason,
      '--json',
      '--address',
      address,
    );
    expect(resumed.jsonLines()).toEqual([{ adapter: 'billing', paused: false, was_paused: false, state: 'READY' }]);
    expect(asked).toEqual([
      { pause: 'billing', reason },
      { resume: 'billing', reason },
    ]);
  });

  test.each([
    ['audit', AdapterState.READY, '', 'billing is resumed; it was paused: audit\nbilling is READY.\n'],
    [
      'audit',
      AdapterState.FAILED,
      'no address',
      'billing is resumed; it was paused: audit\nbilling is FAILED: no address\n',
    ],
    ['', AdapterState.READY, '', 'billing was not paused; nothing was changed.\nbilling is READY.\n'],
    ['', AdapterState.STARTING, '', 'billing was not paused; nothing was changed.\nbilling is STARTING.\n'],
  ])(
    'resume says whether it ended a pause, and the state then (%j, %j)',
    async (formerReason, state, why, expected) => {
      const { address } = await startBilling({ formerReason, state, why });
      const run = await runInProcess('adapter', 'resume', 'billing', '--reason', reason, '--address', address);
      expect(run.stdout()).toBe(expected);
    },
  );

  test('pause reports that it was already paused, and why', async () => {
    const { address } = await startBilling({ formerReason: 'HTTP_401: the system answered 401' });
    const run = await runInProcess('adapter', 'pause', 'billing', '--reason', reason, '--address', address);
    expect(run.stdout()).toContain(
      'billing was already paused (HTTP_401: the system answered 401); the new reason replaces the old one.',
    );
  });

  test.each(['pause', 'resume'])('%s is rejected without a reason', async (command) => {
    const run = await runInProcess('adapter', command, 'billing', '--address', 'http://127.0.0.1:1');
    expect(run.exitCode).toBe(ExitCode.usage);
    expect(run.stderr()).toContain('--reason');
  });
});

describe('hms-sync adapter probe', () => {
  test('prints the delivery that was attempted', async () => {
    const { address } = await startBilling({ probed: 'e-1' });
    const run = await runInProcess('adapter', 'probe', 'billing', '--address', address);
    expect(run.stdout()).toBe(`Attempting e-1. To see its outcome: hms-sync event show e-1 --address ${address}\n`);
  });

  test('reports when nothing waits', async () => {
    const { address } = await startBilling();
    const run = await runInProcess('adapter', 'probe', 'billing', '--address', address);
    expect(run.stdout()).toBe('billing has no delivery that can be attempted.\n');
  });

  test('reports when the adapter does not run', async () => {
    const { address } = await startBilling({ state: AdapterState.FAILED, why: 'no address' });
    const run = await runInProcess('adapter', 'probe', 'billing', '--address', address);
    expect(run.stdout()).toBe('billing is FAILED: no address\nIt can be probed only when it is READY or PAUSED.\n');
    const json = await runInProcess('adapter', 'probe', 'billing', '--json', '--address', address);
    expect(json.jsonLines()).toEqual([{ adapter: 'billing', state: 'FAILED', reason: 'no address' }]);
  });
});

import { AdapterState } from '@hms-sync/proto/hms/sync/v1/health_service';
import { afterEach, describe, expect, test } from 'vitest';
import { type FakeHub, startFakeHub } from '../../test/fake-hub.ts';
import { runInProcess } from '../../test/run-in-process.ts';
import { ExitCode } from '../failure.ts';

let fake: FakeHub | undefined;
afterEach(() => fake?.close());

const reason = 'audit, says Dana';

/** A hub that takes what is asked of it. */
async function start({
  probed = '',
  state = AdapterState.READY,
  why = '',
  formerReason = '',
  discarded = 3n,
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
      discardDeliveries: ({ filter, reason, dryRun }) => {
        asked.push({ discard: filter?.adapters, reason, dryRun });
        return { discarded };
      },
      backupJournal: ({ path }) => {
        asked.push({ backup: path });
        return { path: `/backup/${path}`, sizeBytes: 4_096n };
      },
    },
  });
  return { asked, address: fake.address };
}

describe('hms-sync pause and resume', () => {
  test('name the adapter and the reason', async () => {
    const { asked, address } = await start();
    const paused = await runInProcess('pause', 'billing', '--reason', reason, '--address', address);
    expect(paused.stdout()).toBe(
      'billing is paused; its deliveries wait in order.\n' +
        `To resume it: hms-sync resume billing --reason 'why it may go on' --address ${address}\n`,
    );
    const resumed = await runInProcess('resume', 'billing', '--reason', reason, '--json', '--address', address);
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
    ['', AdapterState.READY, '', 'billing was not paused: there is nothing to resume.\nbilling is READY.\n'],
    ['', AdapterState.STARTING, '', 'billing was not paused: there is nothing to resume.\nbilling is STARTING.\n'],
  ])('resume says whether it ended a pause, and the state then (%j, %j)', async (formerReason, state, why, told) => {
    const { address } = await start({ formerReason, state, why });
    const run = await runInProcess('resume', 'billing', '--reason', reason, '--address', address);
    expect(run.stdout()).toBe(told);
  });

  test('pause says that it was paused before, and why', async () => {
    const { address } = await start({ formerReason: 'HTTP_401: the system answered 401' });
    const run = await runInProcess('pause', 'billing', '--reason', reason, '--address', address);
    expect(run.stdout()).toContain(
      'billing was paused already (HTTP_401: the system answered 401); it stays paused for the new reason.',
    );
  });

  test.each(['pause', 'resume'])('%s is refused without a reason', async (command) => {
    const run = await runInProcess(command, 'billing', '--address', 'http://127.0.0.1:1');
    expect(run.exitCode).toBe(ExitCode.usage);
    expect(run.stderr()).toContain('--reason');
  });
});

describe('hms-sync probe', () => {
  test('tells what was let through', async () => {
    const { address } = await start({ probed: 'e-1' });
    const run = await runInProcess('probe', 'billing', '--address', address);
    expect(run.stdout()).toBe(`e-1 was let through. Its outcome: hms-sync events show e-1 --address ${address}\n`);
  });

  test('tells when nothing waits', async () => {
    const { address } = await start();
    const run = await runInProcess('probe', 'billing', '--address', address);
    expect(run.stdout()).toBe('Nothing waits at billing that could be let through.\n');
  });

  test('tells when the adapter does not run', async () => {
    const { address } = await start({ state: AdapterState.FAILED, why: 'no address' });
    const run = await runInProcess('probe', 'billing', '--address', address);
    expect(run.stdout()).toBe('billing is FAILED: no address\nNothing can be let through while it is not READY.\n');
    const json = await runInProcess('probe', 'billing', '--json', '--address', address);
    expect(json.jsonLines()).toEqual([{ adapter: 'billing', state: 'FAILED', reason: 'no address' }]);
  });
});

describe('hms-sync discard', () => {
  test('counts first, then discards', async () => {
    const { asked, address } = await start();
    const counted = await runInProcess('discard', '--adapter', 'billing', '--dry-run', '--address', address);
    expect(counted.stdout()).toBe('3 deliveries would be discarded.\n');
    const run = await runInProcess('discard', '--adapter', 'billing', '--reason', reason, '--address', address);
    expect(run.stdout()).toBe('3 deliveries discarded.\n');
    expect(asked).toEqual([
      { discard: ['billing'], reason: '', dryRun: true },
      { discard: ['billing'], reason, dryRun: false },
    ]);
  });

  test.each([[['--dry-run']], [['--reason', reason]]])('says when nothing matches (%j)', async (flags) => {
    const { address } = await start({ discarded: 0n });
    const run = await runInProcess('discard', '--adapter', 'billing', ...flags, '--address', address);
    expect(run.stdout()).toBe('Nothing to discard: no dead letter and nothing that waits matches.\n');
  });

  test.each([
    [['--reason', reason], 'such as --adapter billing'],
    [['--adapter', 'billing'], '--reason'],
  ])('refuses %j before it asks a hub', async (flags, hint) => {
    const run = await runInProcess('discard', ...flags, '--address', 'http://127.0.0.1:1');
    expect(run.exitCode).toBe(ExitCode.usage);
    expect(run.stderr()).toContain(hint);
  });
});

describe('hms-sync journal', () => {
  test('backup hands its name to the hub as it is, and shows where the backup is', async () => {
    const { asked, address } = await start();
    const run = await runInProcess('journal', 'backup', '2026-01-31', '--json', '--address', address);
    expect(run.jsonLines()).toEqual([{ path: '/backup/2026-01-31', size_bytes: 4_096 }]);
    const shown = await runInProcess('journal', 'backup', './x', '--address', address);
    expect(shown.stdout()).toContain('/backup/./x: 4096 bytes. It is a data folder');
    expect(asked).toEqual([{ backup: '2026-01-31' }, { backup: './x' }]);
  });

  test('verify needs to know where', async () => {
    const run = await runInProcess('journal', 'verify');
    expect(run.exitCode).toBe(ExitCode.usage);
    expect(run.stderr()).toContain('--data-dir');
  });
});

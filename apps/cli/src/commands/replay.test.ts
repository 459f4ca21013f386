import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { type JobSchema, JobState, type ReplayDeliveriesRequest } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { afterEach, describe, expect, test } from 'vitest';
import { type FakeHub, startFakeHub } from '../../test/fake-hub.ts';
import { runInProcess } from '../../test/run-in-process.ts';
import { ExitCode } from '../failure.ts';

let fake: FakeHub | undefined;
afterEach(() => fake?.close());

const reason = 'billing is back, says Dana';
const job: MessageInitShape<typeof JobSchema> = {
  id: 'job-1',
  state: JobState.RUNNING,
  matched: 12n,
  skippedStale: 2n,
  sent: 3n,
  reason,
  ratePerSecond: 50,
};
const ended: typeof job = { ...job, state: JobState.DONE, sent: 10n };

/** A hub with one job; what was asked of it. */
async function start(): Promise<{ requests: ReplayDeliveriesRequest[]; address: string; cancelled: string[] }> {
  const requests: ReplayDeliveriesRequest[] = [];
  const cancelled: string[] = [];
  fake = await startFakeHub({
    admin: {
      replayDeliveries: (request) => {
        requests.push(request);
        return { job: request.dryRun ? { ...ended, id: '', reason: '' } : job };
      },
      getJob: ({ id }) => {
        if (id !== 'job-1') throw new ConnectError('no job has the id "x"', Code.NotFound);
        return { job };
      },
      async *watchJob() {
        yield { job };
        yield { job: ended };
      },
      cancelJob: ({ id }) => {
        cancelled.push(id);
        return { job: { ...job, state: JobState.CANCELLED }, wasRunning: true };
      },
    },
  });
  return { requests, cancelled, address: fake.address };
}

describe('hms-sync replay', () => {
  test('begins a job and follows it to its end', async () => {
    const { requests, address } = await start();
    const run = await runInProcess('replay', '--adapter', 'billing', '--reason', reason, '--address', address);
    expect(run.exitCode).toBe(ExitCode.ok);
    const left = '; 2 left out, a newer event of their key was delivered (--include-stale)';
    expect(run.stdout()).toBe(
      [
        `job-1  RUNNING  3 of 12 dead letters sent${left}: ${reason}`,
        `job-1  DONE  10 of 12 dead letters sent${left}: ${reason}`,
        '',
      ].join('\n'),
    );
    expect(run.stderr()).toBe(
      `Sent is not yet delivered. What is not, and why: hms-sync deliveries --address ${address}\n`,
    );
    expect(requests).toMatchObject([
      { filter: { adapters: ['billing'] }, reason, ratePerSecond: 50, includeStale: false, dryRun: false },
    ]);
  });

  test('only counts when it is asked to, and then needs no reason', async () => {
    const { requests, address } = await start();
    const flags = ['--dry-run', '--include-stale', '--include-replayed', '--rate', '10'];
    const run = await runInProcess('replay', '--key', 'p-1', ...flags, '--address', address);
    expect(run.stdout()).toMatch(/^12 dead letters match: 10 would be sent; 2 left out, [^\n]+\n$/);
    expect(requests).toMatchObject([
      { dryRun: true, includeStale: true, includeReplayed: true, ratePerSecond: 10, reason: '' },
    ]);
  });

  test('a count as JSON cannot be taken for a run', async () => {
    const { address } = await start();
    const run = await runInProcess('replay', '--key', 'p-1', '--dry-run', '--json', '--address', address);
    expect(run.jsonLines()).toEqual([
      { dry_run: true, matched: 12, skipped_stale: 2, skipped_replayed: 0, would_send: 10 },
    ]);
  });

  test.each([
    ['replay', '--adapter', 'billing', '--reason', reason],
    ['job', 'job-1', '--watch'],
  ])('%s says that the job goes on when the hub is killed under it', async (...args) => {
    const hub = await startFakeHub({
      admin: {
        replayDeliveries: () => ({ job }),
        async *watchJob() {
          yield { job };
          // What was told has left by the next turn; then the hub is gone.
          await nextTurn();
          await hub.close();
        },
      },
    });
    fake = hub;
    const run = await runInProcess(...args, '--address', hub.address);
    expect(run.stdout()).toMatch(/^job-1 {2}RUNNING/);
    expect(run.stderr()).toBe(
      'hms-sync: the connection to the hub was lost; the job goes on when the hub runs: ' +
        `hms-sync job job-1 --watch --address ${hub.address}\n`,
    );
    expect(run.exitCode).toBe(ExitCode.noAnswer);
  });

  test('leaves the job to itself when it is asked to', async () => {
    const { address } = await start();
    const flags = ['--reason', reason, '--detach', '--json'];
    const run = await runInProcess('replay', '--adapter', 'billing', ...flags, '--address', address);
    expect(run.jsonLines()).toMatchObject([{ id: 'job-1', state: 'RUNNING', matched: 12, skipped_stale: 2, sent: 3 }]);
  });

  test.each([
    [['--reason', reason], 'such as --adapter billing'],
    [['--dry-run'], 'such as --adapter billing'],
    [['--adapter', 'billing'], '--reason'],
    [['--adapter', 'billing', '--rate', '0'], 'from 1 to 10000'],
  ])('refuses %j before it asks a hub', async (flags, hint) => {
    const run = await runInProcess('replay', ...flags, '--address', 'http://127.0.0.1:1');
    expect(run.exitCode).toBe(ExitCode.usage);
    expect(run.stderr()).toContain(hint);
  });
});

test('a replay of nothing says so, counted or run', async () => {
  const none = { id: 'job-1', state: JobState.DONE, reason };
  fake = await startFakeHub({ admin: { replayDeliveries: () => ({ job: none }) } });
  const flags = ['--adapter', 'billing', '--reason', reason, '--address', fake.address];
  expect((await runInProcess('replay', ...flags, '--dry-run')).stdout()).toBe(
    'Nothing to replay: no dead letter matches.\n',
  );
  const run = await runInProcess('replay', ...flags, '--detach');
  expect(run.stderr()).toBe('There was nothing to replay: no dead letter matched.\n');
});

describe('hms-sync job', () => {
  test('shows it, follows it, and ends it', async () => {
    const { address, cancelled } = await start();
    const shown = await runInProcess('job', 'job-1', '--json', '--address', address);
    expect(shown.jsonLines()).toMatchObject([{ state: 'RUNNING' }]);
    const watched = await runInProcess('job', 'job-1', '--watch', '--json', '--address', address);
    expect(watched.jsonLines()).toMatchObject([{ state: 'RUNNING' }, { state: 'DONE' }]);
    const ended = await runInProcess('job', 'job-1', '--cancel', '--address', address);
    expect(ended.stdout()).toMatch(/^job-1 {2}CANCELLED {2}3 of 12/);
    expect(ended.stderr()).toBe('');
    expect(cancelled).toEqual(['job-1']);
  });

  test('says when there was nothing to cancel', async () => {
    fake = await startFakeHub({ admin: { cancelJob: () => ({ job: ended, wasRunning: false }) } });
    const run = await runInProcess('job', 'job-1', '--cancel', '--address', fake.address);
    expect(run.stdout()).toMatch(/^job-1 {2}DONE/);
    expect(run.stderr()).toContain('It had ended before: there was nothing to cancel.\n');
    const json = await runInProcess('job', 'job-1', '--cancel', '--json', '--address', fake.address);
    expect(json.jsonLines()).toMatchObject([{ state: 'DONE', was_running: false }]);
  });

  test('an unknown id is an error in words', async () => {
    const { address } = await start();
    const run = await runInProcess('job', 'x', '--address', address);
    expect(run.exitCode).toBe(ExitCode.usage);
    expect(run.stderr()).toBe('hms-sync: NOT_FOUND: no job has the id "x"\n');
  });

  test('does not take --watch and --cancel together', async () => {
    const run = await runInProcess('job', 'x', '--watch', '--cancel');
    expect(run.exitCode).toBe(ExitCode.usage);
  });

  test('says what to do when nobody knows whether it took effect', async () => {
    fake = await startFakeHub({
      admin: {
        cancelJob: () => {
          throw new ConnectError('the connection broke', Code.Unavailable);
        },
      },
    });
    const run = await runInProcess('job', 'x', '--cancel', '--address', fake.address);
    expect(run.exitCode).toBe(ExitCode.noAnswer);
    expect(run.stderr()).toContain('hms-sync deliveries');
  });
});

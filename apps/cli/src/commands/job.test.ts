import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, describe, expect, test } from 'vitest';
import { type FakeHub, startFakeHub } from '../../test/fake-hub.ts';
import { endedJob, type JobHub, startJobHub } from '../../test/job-hub.ts';
import { runInProcess } from '../../test/run-in-process.ts';
import { ExitCode } from '../failure.ts';

let fake: FakeHub | undefined;
afterEach(() => fake?.close());

async function start(): Promise<JobHub> {
  const hub = await startJobHub();
  fake = hub;
  return hub;
}

describe('hms-sync job', () => {
  test('shows, watches and cancels it', async () => {
    const { address, cancelled } = await start();
    const shown = await runInProcess('job', 'show', 'job-1', '--json', '--address', address);
    expect(shown.jsonLines()).toMatchObject([{ state: 'RUNNING' }]);
    const watched = await runInProcess('job', 'watch', 'job-1', '--jsonl', '--address', address);
    expect(watched.jsonLines()).toMatchObject([{ state: 'RUNNING' }, { state: 'DONE' }]);
    const ended = await runInProcess('job', 'cancel', 'job-1', '--address', address);
    expect(ended.stdout()).toMatch(/^job-1 {2}CANCELLED {2}3 of 12/);
    expect(ended.stderr()).toBe('');
    expect(cancelled).toEqual(['job-1']);
  });

  test('reports when the job had already ended', async () => {
    fake = await startFakeHub({ admin: { cancelJob: () => ({ job: endedJob, wasRunning: false }) } });
    const run = await runInProcess('job', 'cancel', 'job-1', '--address', fake.address);
    expect(run.stdout()).toMatch(/^job-1 {2}DONE/);
    expect(run.stderr()).toContain('The job had already ended; nothing was changed.\n');
    const json = await runInProcess('job', 'cancel', 'job-1', '--json', '--address', fake.address);
    expect(json.jsonLines()).toMatchObject([{ state: 'DONE', was_running: false }]);
  });

  test('an unknown id is an error with a message', async () => {
    const { address } = await start();
    const run = await runInProcess('job', 'show', 'x', '--address', address);
    expect(run.exitCode).toBe(ExitCode.usage);
    expect(run.stderr()).toBe('hms-sync: NOT_FOUND: no job has the id "x"\n');
  });

  test('reports what to do when it is unknown whether it took effect', async () => {
    fake = await startFakeHub({
      admin: {
        cancelJob: () => {
          throw new ConnectError('the connection broke', Code.Unavailable);
        },
      },
    });
    const run = await runInProcess('job', 'cancel', 'x', '--address', fake.address);
    expect(run.exitCode).toBe(ExitCode.noAnswer);
    expect(run.stderr()).toContain('hms-sync delivery list');
  });
});

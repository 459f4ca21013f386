import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { captureTerminal } from '../../test/captured-terminal.ts';
import { labCode, labFolder } from '../../test/lab-folder.ts';
import { ExitCode } from '../failure.ts';
import { hubProgram } from '../programs.ts';
import { type AdapterDemoOptions, runAdapterDemo } from './adapter-demo.ts';
import { NO_CHAOS } from './chaos.ts';

/** With the real hub, which runs the adapter in a process of its own. */
async function prepared(differences: Partial<AdapterDemoOptions> = {}) {
  const folder = await labFolder();
  const terminal = captureTerminal();
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const options: AdapterDemoOptions = {
    folder,
    chaos: NO_CHAOS,
    everyMs: 50,
    port: 0,
    dataDir: join(folder, '.hms-sync'),
    once: false,
    asJson: false,
    hubMain: hubProgram(),
    terminal,
    signal: stop.signal,
    ...differences,
  };
  return { folder, terminal, stop, run: () => runAdapterDemo(options) };
}

describe('dev --adapter --once', () => {
  test('delivers each sample of the kit once, without a build', async () => {
    const { terminal, run } = await prepared({ once: true, asJson: true });
    await run();
    const delivered = terminal.jsonLines().filter(({ state }) => state === 'DELIVERED');
    expect(delivered).toMatchObject([
      { adapter: 'lab', receipt: '{"receipt":"r-1"}' },
      { adapter: 'lab', receipt: '{"receipt":"r-1"}' },
    ]);
    expect(terminal.stderr()).toMatch(/^lab 1\.2\.3 from .*\nhub {6}http:.*\nsystem {3}http:.*, a stand-in\n/);
    expect(terminal.stderr().match(/stand-in: POST \/hms\/changes answered with 202\n/g)).toHaveLength(2);
  });

  test('fails when the system fails, and reports the last state', async () => {
    const chaos = { latencyMs: 0, failShare: 1 };
    const { terminal, run } = await prepared({ once: true, chaos, settleLimitMs: 8_000 });
    await expect(run()).rejects.toMatchObject({
      exitCode: ExitCode.failed,
      message: expect.stringMatching(/lab: (RETRYING|HELD), attempt \d, .*HTTP_503/),
    });
    expect(terminal.stdout()).toContain('a stand-in, which fails 100% of writes\n');
    expect(terminal.stdout()).toContain('stand-in: POST /hms/changes answered with 503 (chaos)\n');
  });
});

describe('dev --adapter', () => {
  test('publishes samples until it is stopped, and restarts when a file changes', { timeout: 60_000 }, async () => {
    const { folder, terminal, stop, run } = await prepared();
    const demo = run();
    await terminal.untilStdoutHas('lab 1.2.3 is READY');
    await terminal.untilStdoutHas('DELIVERED');

    await writeFile(join(folder, 'src/adapter.ts'), 'export default 5 5;');
    await terminal.untilStdoutHas('src/adapter.ts has changed: restarting.');
    await terminal.untilStdoutHas('lab 1.2.3 is FAILED: ');

    await writeFile(join(folder, 'verify.json'), '{');
    await terminal.untilStdoutHas('verify.json: Expected');

    await writeFile(join(folder, 'src/adapter.ts'), labCode('/again'));
    await writeFile(join(folder, 'verify.json'), '{"config":{"baseUrl":"{{url}}"}}');
    await terminal.untilStdoutHas('stand-in: POST /again answered with 200');

    stop.abort();
    await demo;
    // For its callers, the hub was the same in all runs.
    expect(new Set(terminal.stdout().match(/hub {6}http:\/\/127\.0\.0\.1:\d+/g)).size).toBe(1);
  });

  test('rejects a package that is not an adapter before anything starts', async () => {
    const { folder, terminal, run } = await prepared();
    await writeFile(join(folder, 'package.json'), '{"name":"x"}');
    await expect(run()).rejects.toMatchObject({ exitCode: ExitCode.usage });
    expect(terminal.stdout()).toBe('');
  });
});

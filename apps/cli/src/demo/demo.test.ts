import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type CapturedTerminal, captureTerminal } from '../../test/captured-terminal.ts';
import { readTraces } from '../../test/traces.ts';
import { ExitCode, Failure } from '../failure.ts';
import { type DemoOptions, runDemo } from './demo.ts';

// Generous, since other tests may have the processor; nothing waits that long when all is well.
const patience = { timeout: 10_000 };

let folder: string;
let traceFile: string;
let terminal: CapturedTerminal;
let stop: AbortController;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hms-sync-demo-'));
  traceFile = join(folder, 'traces');
  vi.stubEnv('FAKE_TRACE_FILE', traceFile);
  terminal = captureTerminal();
  stop = new AbortController();
});

afterEach(async () => {
  vi.unstubAllEnvs();
  // A test that failed may have left its demo running.
  stop.abort();
  const pids = (await readTraces(traceFile)).map(({ pid }) => pid);
  await vi.waitFor(() => expect(pids.filter(isAlive), 'programs that outlived the demo').toEqual([]), patience);
  await rm(folder, { recursive: true });
});

function optionsWith(differences: Partial<DemoOptions> = {}): DemoOptions {
  return {
    port: 0,
    dataDir: join(folder, 'data'),
    once: false,
    asJson: false,
    hubMain: import.meta.resolve('../../test/hub-process.ts'),
    sandboxMain: import.meta.resolve('../../test/sandbox-process.ts'),
    terminal,
    signal: stop.signal,
    ...differences,
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('the demo, once', () => {
  test('prints a DELIVERED line for each adapter and ends', async () => {
    await runDemo(optionsWith({ once: true, asJson: true }));
    const lines = terminal.jsonLines();
    expect(lines.filter(({ state }) => state === 'DELIVERED').map(({ adapter }) => adapter)).toEqual([
      'billing',
      'records',
      'scheduling',
    ]);
    expect(lines[0]).toMatchObject({ state: 'ACCEPTED', event_id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  });

  test('fails at once when an adapter dead-lettered the sample, and reports which and why', async () => {
    vi.stubEnv('FAKE_HUB_MODE', 'billing refuses');
    const failure = await runDemo(optionsWith({ once: true })).catch((error) => error);
    expect(failure).toBeInstanceOf(Failure);
    expect(failure.exitCode).toBe(ExitCode.failed);
    expect(failure.message).toContain('billing: DEAD_LETTERED, attempt 1, HTTP_503: unavailable');
    expect(failure.message).not.toContain('records');
  });

  test('fails when the sample does not settle in time, and reports what is missing', async () => {
    vi.stubEnv('FAKE_HUB_MODE', 'billing is down');
    const failure = await runDemo(optionsWith({ once: true, settleLimitMs: 2_000 })).catch((error) => error);
    expect(failure.exitCode).toBe(ExitCode.failed);
    expect(failure.message).toContain('billing: RETRYING, attempt 3, HTTP_503: unavailable');
  });
});

describe('the demo without --once', () => {
  test('prints the acks, then the tour, and stops its programs in order', async () => {
    const demo = runDemo(optionsWith());
    await terminal.untilStdoutHas('Ctrl-C stops everything');
    stop.abort();
    await demo;
    const text = terminal.stdout();
    expect(text.indexOf('DELIVERED')).toBeLessThan(text.indexOf('RUNNING'));
    expect(text).toContain('http://127.0.0.1:4/faults/billing');
    expect((await readTraces(traceFile)).map(({ program, step }) => `${program} ${step}`)).toEqual([
      'sandbox began',
      'hub began',
      'hub ended',
      'sandbox ended',
    ]);
    expect(terminal.stderr()).toBe('Stopping. Press Ctrl-C again to end at once.\n');
  });

  test('with --jsonl stdout has only JSON, and the tour is on stderr', async () => {
    const shown = new Promise<void>((resolve) => {
      terminal.notes.line = (text = '') => text.includes('Ctrl-C stops everything') && resolve();
    });
    const demo = runDemo(optionsWith({ asJson: true }));
    await shown;
    stop.abort();
    await demo;
    expect(terminal.jsonLines()).toHaveLength(4);
  });

  test('shows the tour although a delivery has not settled', async () => {
    vi.stubEnv('FAKE_HUB_MODE', 'billing is down');
    const demo = runDemo(optionsWith({ tourDelayMs: 50 }));
    await terminal.untilStdoutHas('Ctrl-C stops everything');
    await terminal.untilStdoutHas('RETRYING');
    stop.abort();
    await demo;
  });

  test('can be stopped while the hub starts', async () => {
    vi.stubEnv('FAKE_HUB_MODE', 'never ready');
    const demo = runDemo(optionsWith());
    await vi.waitFor(async () => expect(await readTraces(traceFile)).toHaveLength(2), patience);
    stop.abort();
    await demo;
  });
});

describe('the process of a demo', () => {
  const demoProcess = fileURLToPath(import.meta.resolve('../../test/demo-process.ts'));

  function start(...args: string[]): ChildProcess {
    const child = spawn(process.execPath, [...process.execArgv, demoProcess, join(folder, 'data'), ...args]);
    child.stdout.on('data', (chunk) => terminal.data.line(String(chunk)));
    return child;
  }

  async function untilBothEnded(): Promise<void> {
    await vi.waitFor(async () => {
      const ended = (await readTraces(traceFile)).filter(({ step }) => step === 'ended');
      expect(ended.map(({ program }) => program).sort()).toEqual(['hub', 'sandbox']);
      expect(ended.filter(({ pid }) => isAlive(pid))).toEqual([]);
    }, patience);
  }

  test('ends as soon as it has failed', async () => {
    vi.stubEnv('FAKE_HUB_MODE', 'billing is down');
    const beganMs = performance.now();
    expect(await once(start('once'), 'exit')).toEqual([ExitCode.failed, null]);
    // A feed left behind would go on for 30 s.
    expect(performance.now() - beganMs).toBeLessThan(10_000);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('ends all on %s, as asked', async (signal) => {
    const child = start();
    await terminal.untilStdoutHas('Ctrl-C stops everything');
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([ExitCode.ok, null]);
    await untilBothEnded();
  });

  test('stops its programs even when it is killed', async () => {
    const child = start();
    await terminal.untilStdoutHas('Ctrl-C stops everything');
    child.kill('SIGKILL');
    await untilBothEnded();
  });
});

describe('programs that fail', () => {
  test("shows the hub's error and exit code, and what to do about the port", async () => {
    vi.stubEnv('FAKE_HUB_MODE', 'port is taken');
    const failure = await runDemo(optionsWith({ port: 7003 })).catch((error) => error);
    expect(failure.exitCode).toBe(ExitCode.cannotListen);
    expect(failure.message).toBe(
      'cannot listen on 127.0.0.1:7003: the port is in use\n  With dev: --port <port>, or --port 0 for any free one.',
    );
  });

  test('a hub that ends is reported instead of the failed call', async () => {
    vi.stubEnv('FAKE_HUB_MODE', 'crashes on publish');
    const failure = await runDemo(optionsWith({ once: true })).catch((error) => error);
    expect(failure.message).toBe('the disk failed; nothing was accepted');
    expect(failure.exitCode).toBe(1);
  });

  test('shows the error of a sandbox that fails', async () => {
    vi.stubEnv('FAKE_SANDBOX_MODE', 'fails');
    const failure = await runDemo(optionsWith()).catch((error) => error);
    expect(failure.message).toBe('the sandbox failed: no port is free');
  });

  test('shows warnings of the hub as one plain line each', async () => {
    vi.stubEnv('FAKE_HUB_MODE', 'logs');
    await runDemo(optionsWith({ once: true }));
    expect(terminal.stderr()).toBe('hub warn: a slow commit commitMs=812\nhub a line that is no JSON\n');
  });
});

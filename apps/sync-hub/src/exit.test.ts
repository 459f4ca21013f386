import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ConfigError } from './config/config-error.ts';
import { ListenError } from './edges/door/listener.ts';
import { ExitCode, exitBecause, onStopRequest, type StopHost } from './exit.ts';
import { FlagError } from './flags.ts';
import { JournalError } from './journal/journal-error.ts';
import { ManifestError } from './runtimes/manifest.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

class Exited extends Error {}

/** The code with which the process would have ended, and what it said. */
function exitOf(error: unknown): { code: unknown; said: string } {
  const exit = vi.fn((_code: unknown): never => {
    throw new Exited();
  });
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  expect(() => exitBecause(error, { exit } as Pick<NodeJS.Process, 'exit'>)).toThrow(Exited);
  return { code: exit.mock.calls[0]?.[0], said: write.mock.calls.map(([chunk]) => String(chunk)).join('') };
}

describe('the exit code', () => {
  it.each([
    [new ConfigError('listen: wrong'), ExitCode.USAGE, 'listen: wrong'],
    [new FlagError('unknown flag --x'), ExitCode.USAGE, 'unknown flag --x'],
    [new ManifestError('TWIN', 'two of them'), ExitCode.USAGE, 'two of them'],
    [new ListenError('port 1 is taken'), ExitCode.LISTEN, 'port 1 is taken'],
    [new JournalError('UNWRITABLE', '/data cannot be written'), ExitCode.JOURNAL, '/data cannot be written'],
  ])('of %s comes with one line and no stack', (error, code, message) => {
    expect(exitOf(error)).toEqual({ code, said: `hms-sync: ${message}\n` });
  });

  it('says nothing of what caused the error, which may hold a secret', () => {
    expect(exitOf(new ConfigError('wrong', { cause: new Error('hunter2') })).said).toBe('hms-sync: wrong\n');
  });

  it('of a fault of its own comes with the stack, for the one who fixes it', () => {
    const { code, said } = exitOf(new TypeError('a fault'));
    expect(code).toBe(ExitCode.FAILED);
    expect(said).toMatch(/^hms-sync: TypeError: a fault\n {4}at /);
  });

  it.each([null, undefined, 'a text', 7])('of %s, thrown by whom ever, is that of a fault', (thrown) => {
    expect(exitOf(thrown)).toEqual({ code: ExitCode.FAILED, said: `hms-sync: ${thrown}\n` });
  });
});

describe('a request to stop', () => {
  /** A process of which the test is the sender. The worker's own `connected` and `on` carry its channel to vitest: a test
   * that fakes them ends its worker. */
  class FakeProcess extends EventEmitter {
    readonly connected: boolean | undefined;
    readonly codes: unknown[] = [];
    readonly #ended = Promise.withResolvers<void>();
    readonly ended = this.#ended.promise;

    constructor(connected: boolean | undefined) {
      super();
      this.connected = connected;
    }

    exit(code: unknown): void {
      this.codes.push(code);
      this.#ended.resolve();
    }
  }

  function listen({ connected }: { connected?: boolean } = {}) {
    const sender = new FakeProcess(connected);
    const stopped = Promise.withResolvers<void>();
    const stop = vi.fn((_why: string) => stopped.promise);
    onStopRequest(stop, sender as unknown as StopHost);
    return { sender, codes: sender.codes, ended: sender.ended, stopped, stop };
  }

  it.each(['SIGTERM', 'SIGINT'])('by %s is carried out once, then the process ends well', async (signal) => {
    const { sender, codes, ended, stopped, stop } = listen();
    sender.emit(signal, signal);
    expect(stop.mock.calls).toEqual([[signal]]);
    expect(codes).toEqual([]);
    stopped.resolve();
    await ended;
    expect(codes).toEqual([ExitCode.OK]);
  });

  it('that comes twice ends at once', () => {
    const { sender, codes } = listen();
    sender.emit('SIGINT', 'SIGINT');
    sender.emit('SIGTERM', 'SIGTERM');
    expect(codes).toEqual([ExitCode.FAILED]);
  });

  it('may be the end of the parent, which after a signal is no second one', () => {
    const { sender, codes, stop } = listen({ connected: true });
    sender.emit('SIGTERM', 'SIGTERM');
    sender.emit('disconnect');
    expect(codes).toEqual([]);
    expect(stop.mock.calls).toEqual([['SIGTERM']]);
  });

  it('is the end of a parent that went while the hub started', () => {
    expect(listen({ connected: false }).stop.mock.calls).toEqual([['the parent process is gone']]);
  });

  it('that cannot be carried out ends with why', async () => {
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const { sender, codes, ended, stopped } = listen();
    sender.emit('SIGTERM', 'SIGTERM');
    stopped.reject(new JournalError('FAILED', 'the disk is gone'));
    await ended;
    expect(codes).toEqual([ExitCode.JOURNAL]);
    expect(write.mock.calls).toEqual([['hms-sync: the disk is gone\n']]);
  });
});

it.each([
  [['--lisen', 'x'], 'hms-sync: unknown flag --lisen; did you mean --listen?\n'],
  [
    ['--config', '/nowhere/hms-sync.yaml'],
    'hms-sync: /nowhere/hms-sync.yaml does not exist; name the configuration file: --config <file>\n',
  ],
])('a real hub started with %j ends with code 2 and one line', async (args, line) => {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const hub = spawn(process.execPath, ['--conditions=@hms-sync/source', main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [[code], stdout, stderr] = await Promise.all([once(hub, 'exit'), text(hub.stdout), text(hub.stderr)]);
  expect({ code, stdout, stderr }).toEqual({ code: ExitCode.USAGE, stdout: '', stderr: line });
});

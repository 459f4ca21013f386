#!/usr/bin/env node
import { readCommandLine, USAGE } from './command-line.ts';
import { startSandbox } from './sandbox.ts';
import { SandboxError, type SandboxErrorCode } from './sandbox-error.ts';

// Any process of the same user can send it, and Node would open its debugger.
process.on('SIGUSR1', () => undefined);

/** Exit codes that a script can act on. */
function exitCodeOf(code: SandboxErrorCode): number {
  switch (code) {
    case 'invalid_argument':
      return 2;
    case 'port_unavailable':
      return 3;
    default:
      return 1;
  }
}

/** Read before the flags are parsed, so that an error about the flags is JSON too. */
const PRINTS_JSON = process.argv.includes('--json');

function fail(error: unknown): void {
  const code = error instanceof SandboxError ? error.code : 'internal';
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(PRINTS_JSON ? `${JSON.stringify({ error: { code, message } })}\n` : `sandbox: ${message}\n`);
  process.exitCode = exitCodeOf(code);
}

const STOP_EVENTS = ['SIGTERM', 'SIGINT', 'disconnect'];

/** Resolves when the sandbox should stop: on a signal, or when its parent process has ended. */
function whenStopRequested(): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      // A listener for `disconnect` keeps the channel, and with it this process, alive.
      for (const event of STOP_EVENTS) process.off(event, stop);
      resolve();
    };
    for (const event of STOP_EVENTS) process.on(event, stop);
    // The parent may have ended while the modules were loading.
    if (process.send !== undefined && !process.connected) stop();
  });
}

async function run(): Promise<void> {
  const { options, help } = readCommandLine(process.argv.slice(2), process.env);
  if (help) {
    process.stdout.write(USAGE);
    return;
  }
  const stopRequested = whenStopRequested();
  const sandbox = await startSandbox(options);
  process.stdout.write(`${JSON.stringify({ ready: true, control: sandbox.controlUrl, systems: sandbox.urls })}\n`);
  if (!PRINTS_JSON) process.stderr.write('sandbox: three systems are listening; stop them with Ctrl-C\n');
  await stopRequested;
  await sandbox.close();
}

await run().catch(fail);

#!/usr/bin/env node
import { readCommandLine, usage } from './command-line.ts';
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

/** Asked for before the flags are read, so that even an error about them keeps to it. */
const speaksJson = process.argv.includes('--json');

function fail(error: unknown): void {
  const code = error instanceof SandboxError ? error.code : 'internal';
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(speaksJson ? `${JSON.stringify({ error: { code, message } })}\n` : `sandbox: ${message}\n`);
  process.exitCode = exitCodeOf(code);
}

const endings = ['SIGTERM', 'SIGINT', 'disconnect'];

/** Resolves when someone wants the sandbox to end: a signal, or a parent that is gone and could no longer send one. */
function whenToldToStop(): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      // A listener for `disconnect` keeps the channel, and with it this process, alive.
      for (const ending of endings) process.off(ending, stop);
      resolve();
    };
    for (const ending of endings) process.on(ending, stop);
    // The parent may have gone while the modules were loading.
    if (process.send !== undefined && !process.connected) stop();
  });
}

async function run(): Promise<void> {
  const { options, help } = readCommandLine(process.argv.slice(2), process.env);
  if (help) {
    process.stdout.write(usage);
    return;
  }
  const toldToStop = whenToldToStop();
  const sandbox = await startSandbox(options);
  process.stdout.write(`${JSON.stringify({ ready: true, control: sandbox.controlUrl, systems: sandbox.urls })}\n`);
  if (!speaksJson) process.stderr.write('sandbox: three systems are up; Ctrl-C ends them\n');
  await toldToStop;
  await sandbox.close();
}

await run().catch(fail);

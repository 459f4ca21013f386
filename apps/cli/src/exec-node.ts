import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** Without it, any process of the same user could open Node's debugger with SIGUSR1 and run code in this process. */
export const NO_DEBUGGER = '--disable-sigusr1';

/** The signals that end the command; a child gets them too. */
const FORWARDED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Replaces this process with another run of the same Node (execve), so that the new program has the same process id and
 * receives all signals, also kill -9. Does not return.
 *
 * Without execve (Windows), and as process 1 of a container, the program runs as a child: signals are forwarded, and this
 * process ends like the child. For process 1, the system ignores signals until the program has handlers; this process always
 * has them.
 *
 * @param args the arguments of `node`: its own flags, the file, the file's arguments
 * @param execve replaces the process; null where the system cannot
 */
export function execNode(args: readonly string[], execve = systemExecve()): void {
  const flagged = args.includes(NO_DEBUGGER) ? args : [NO_DEBUGGER, ...args];
  if (execve !== null) {
    execve(process.execPath, [process.execPath, ...flagged], process.env);
    return;
  }
  const child = spawn(process.execPath, flagged, { stdio: 'inherit' });
  for (const signal of FORWARDED_SIGNALS) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`hms-sync: cannot start ${process.execPath}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code ?? 1;
      return;
    }
    // The exit code that a shell reports; process 1 cannot end by a signal.
    if (process.pid === 1) process.exit(128 + constants.signals[signal]);
    for (const forwarded of FORWARDED_SIGNALS) process.removeAllListeners(forwarded);
    process.kill(process.pid, signal);
  });
}

function systemExecve(): NonNullable<typeof process.execve> | null {
  // On Windows, the function throws.
  return process.platform === 'win32' || process.pid === 1 ? null : (process.execve ?? null);
}

import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** Without it SIGUSR1, which any process of the same user can send, opens Node's debugger: foreign code would run in ours. */
export const NO_DEBUGGER = '--disable-sigusr1';

/** Signals by which an operator or a supervisor ends the command; they are for the program that replaced it. */
const FORWARDED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Replaces this process by another run of the same Node (execve): same process id, same terminal, same environment, so
 * that a signal (kill -9 among them) reaches the new program itself. Does not return.
 *
 * Where the system has no execve (Windows), the program runs as a child: signals are forwarded, and this process ends as
 * the child ended. The same holds for process 1 of a container, for which the system ignores every signal that has no
 * handler yet: this process always has its handlers, and its child needs none to be ended.
 *
 * @param args what follows `node` on the command line: Node's own flags, the file, the file's arguments
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
    // The exit code that a shell reports; process 1 cannot end by a signal of its own.
    if (process.pid === 1) process.exit(128 + constants.signals[signal]);
    for (const forwarded of FORWARDED_SIGNALS) process.removeAllListeners(forwarded);
    process.kill(process.pid, signal);
  });
}

function systemExecve(): NonNullable<typeof process.execve> | null {
  // Windows has the function, too, but it only throws.
  return process.platform === 'win32' || process.pid === 1 ? null : (process.execve ?? null);
}

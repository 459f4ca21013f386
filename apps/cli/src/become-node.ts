import { spawn } from 'node:child_process';

/** Signals that a person or a supervisor sends to end the command; they are meant for the program it became. */
const forwardedSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Turns this process into another run of the same Node: same process id, same terminal, same environment, so that a
 * signal (kill -9 among them) reaches the new program itself. Does not return.
 *
 * Where the system cannot do that (Windows), the program runs as a child: signals are handed on, and this process
 * ends as the child ended.
 *
 * @param args what follows `node` on the command line: Node's own flags, the file, the file's arguments
 * @param execve replaces the process; null where the system cannot
 */
export function becomeNode(args: readonly string[], execve = systemExecve()): void {
  if (execve !== null) {
    execve(process.execPath, [process.execPath, ...args], process.env);
    return;
  }
  const child = spawn(process.execPath, args, { stdio: 'inherit' });
  for (const signal of forwardedSignals) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`hms-sync: cannot start ${process.execPath}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code ?? 1;
      return;
    }
    for (const forwarded of forwardedSignals) process.removeAllListeners(forwarded);
    process.kill(process.pid, signal);
  });
}

function systemExecve(): NonNullable<typeof process.execve> | null {
  // Windows has the function, too, but it only throws.
  return process.platform === 'win32' ? null : (process.execve ?? null);
}

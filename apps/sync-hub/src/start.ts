import { readFileSync } from 'node:fs';
import { constants } from 'node:os';

// The program behind `hms-sync start`: main.ts, once its signals have listeners. Loading main.ts takes a moment, and the
// system ignores a signal to process 1 of a container for which there is no listener yet.

const SIGTERM_BIT = 1 << (constants.signals.SIGTERM - 1);
const SIGINT_BIT = 1 << (constants.signals.SIGINT - 1);

if (process.pid === 1 && wasSignalled()) process.exit(0);
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    // Until main.ts listens too, there is nothing to finish.
    if (process.listenerCount(signal) === 1) process.exit(0);
  });
}
process.on('SIGHUP', () => {
  // The terminal was closed. Without one, whoever sends it (log rotation, a reload) does not mean that the hub should stop.
  if (process.stderr.isTTY) process.kill(process.pid, 'SIGTERM');
});
// Any process of the same user can send it, and Node would open its debugger.
process.on('SIGUSR1', () => undefined);
// Nobody reads what the hub says, or its disk is full: no reason to end.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

await import('./main.ts');

/** Node itself catches SIGINT and SIGTERM, each once, until a program does: one that it no longer catches has come. */
function wasSignalled(): boolean {
  try {
    const [, mask = ''] = /^SigCgt:\s*[0-9a-f]*([0-9a-f]{8})$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    const expected = SIGTERM_BIT | SIGINT_BIT;
    return mask !== '' && (Number.parseInt(mask, 16) & expected) !== expected;
  } catch {
    // No such file: not Linux.
    return false;
  }
}

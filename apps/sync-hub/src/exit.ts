import { ConfigError } from './config/config-error.ts';
import { ListenError } from './edges/listener.ts';
import { FlagError } from './flags.ts';
import { JournalError } from './journal/journal.ts';
import { ManifestError } from './runtimes/manifest.ts';

/** What the hub's exit code says. docs/operate.md lists them. */
export const ExitCode = {
  /** It was asked to stop, and did. */
  OK: 0,
  /** A fault of its own; the log says which. */
  FAILED: 1,
  /** Wrong flags or a wrong configuration. */
  USAGE: 2,
  /** The address cannot be listened on. */
  LISTEN: 3,
  /** The data folder cannot be used, or writing to it failed. */
  JOURNAL: 4,
} as const;

/** Says in one line why the hub ends, and ends it. Only a fault of the hub's own comes with a stack trace. */
export function exitBecause(error: unknown): never {
  const { code, text } = explain(error);
  process.stderr.write(`hms-sync: ${text}\n`);
  process.exit(code);
}

/** Calls back once on SIGTERM, on Ctrl-C, or when a parent that holds an IPC channel is gone; ends at once when asked
 * a second time. */
export function onStopRequest(stop: (why: string) => Promise<void>): void {
  let stopping = false;
  const onRequest = (why: string) => {
    if (stopping) process.exit(ExitCode.FAILED);
    stopping = true;
    stop(why).then(() => process.exit(ExitCode.OK), exitBecause);
  };
  process.on('SIGTERM', () => onRequest('SIGTERM'));
  process.on('SIGINT', () => onRequest('SIGINT'));
  if (process.connected) process.on('disconnect', () => onRequest('the parent process is gone'));
}

function explain(error: unknown): { code: number; text: string } {
  if (error instanceof ConfigError || error instanceof FlagError || error instanceof ManifestError) {
    return { code: ExitCode.USAGE, text: error.message };
  }
  if (error instanceof ListenError) return { code: ExitCode.LISTEN, text: error.message };
  if (error instanceof JournalError) return { code: ExitCode.JOURNAL, text: error.message };
  return { code: ExitCode.FAILED, text: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

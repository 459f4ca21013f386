import { visibleLines } from '@hms-sync/proto/visible-text';
import { ConfigError } from './config/config-error.ts';
import { ListenError } from './edges/door/listener.ts';
import { FolderError } from './files/private-folder.ts';
import { FlagError } from './flags.ts';
import { InstallError } from './installs/install-error.ts';
import { JournalError } from './journal/journal-error.ts';
import { ManifestError } from './runtimes/manifest.ts';
import { TlsError } from './tls/tls-files.ts';

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
export function exitBecause(error: unknown, host: Pick<NodeJS.Process, 'exit'> = process): never {
  const { code, text } = explain(error);
  process.stderr.write(`hms-sync: ${visibleLines(text)}\n`);
  host.exit(code);
}

/** What a request to stop arrives at, and what ends: the process of the hub. */
export type StopHost = Pick<NodeJS.Process, 'on' | 'exit' | 'connected'>;

/**
 * Calls back once on SIGTERM, on Ctrl-C, or when a parent that holds an IPC channel is gone. Ends at once on a second
 * signal, which is an operator's impatience; a parent that is gone after it asked is none.
 */
export function onStopRequest(stop: (why: string) => Promise<void>, host: StopHost = process): void {
  let stopping = false;
  const begin = (why: string) => {
    if (stopping) return;
    stopping = true;
    stop(why).then(
      () => host.exit(ExitCode.OK),
      (error) => exitBecause(error, host),
    );
  };
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping) host.exit(ExitCode.FAILED);
    begin(signal);
  };
  host.on('SIGTERM', onSignal);
  host.on('SIGINT', onSignal);
  const orphaned = () => begin('the parent process is gone');
  if (host.connected) host.on('disconnect', orphaned);
  // It had a channel, and its parent went while the hub started.
  else if (host.connected === false) orphaned();
}

function explain(error: unknown): { code: number; text: string } {
  if (
    error instanceof ConfigError ||
    error instanceof TlsError ||
    error instanceof FlagError ||
    error instanceof ManifestError
  ) {
    return { code: ExitCode.USAGE, text: error.message };
  }
  if (error instanceof ListenError) return { code: ExitCode.LISTEN, text: error.message };
  if (error instanceof JournalError || error instanceof FolderError || error instanceof InstallError)
    return { code: ExitCode.JOURNAL, text: error.message };
  return { code: ExitCode.FAILED, text: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

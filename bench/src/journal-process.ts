import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** What the journal alone did: accepting each event for three adapters and recording that they delivered. */
export interface JournalFigures {
  readonly eventsPerSecond: number;
}

const SCRIPT = new URL('../../apps/sync-hub/src/journal/sqlite/journal.bench.ts', import.meta.url);

/** Measures the journal in a process of its own, as the hub is: the limit that the hub cannot pass. */
export async function journalLoad(options: { inFlight: number; seconds: number }): Promise<JournalFigures> {
  const args = [...process.execArgv, fileURLToPath(SCRIPT), String(options.inFlight), String(options.seconds)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout);
}

import type { AdapterLog } from '@hms-sync/adapter-sdk/host';
import { HEARTBEAT_MS } from '../heartbeat.ts';
import { type Manifest, SPOKEN_PROTOCOLS } from '../manifest.ts';
import { SupervisedRuntime, type SupervisedRuntimeOptions } from '../supervised-runtime.ts';
import { ABORT_GRACE_MS } from './abort-grace.ts';
import { beginProcess } from './begin-process.ts';

/** An adapter that hangs at import would else never be told to have failed. */
const LOAD_TIMEOUT_MS = 10_000;

export interface ProcessRuntimeOptions extends Pick<SupervisedRuntimeOptions, 'restart' | 'random'> {
  readonly manifest: Manifest;
  /** The adapter's part of the configuration, secrets in clear. They go over the socket alone. */
  readonly config: unknown;
  readonly log: AdapterLog;
  readonly hubVersion: string;
  /** Asked before each start: why the package may not be loaded; undefined when it may. */
  readonly fault?: () => Promise<string | undefined>;
  /** The protocol majors that the hub speaks. */
  readonly protocols?: readonly number[];
  /** How long importing the adapter may take; 10 s by default. */
  readonly loadTimeoutMs?: number;
  /** How long an attempt may go on once it was asked to stop, before its process is killed; 30 s by default. */
  readonly abortGraceMs?: number;
  /** How often the process is asked for a sign of life; each second by default. Killed after five without one. */
  readonly heartbeatMs?: number;
}

/**
 * Runs adapter code in a process of its own, one for each version: whatever it does, it does there. When the process
 * ends, each attempt that it had ends as crashed, with the number of those that may be to blame.
 */
export function createProcessRuntime(options: ProcessRuntimeOptions): SupervisedRuntime {
  const begin = {
    protocols: SPOKEN_PROTOCOLS,
    loadTimeoutMs: LOAD_TIMEOUT_MS,
    abortGraceMs: ABORT_GRACE_MS,
    heartbeatMs: HEARTBEAT_MS,
    ...options,
  };
  return new SupervisedRuntime({
    ...options,
    kind: 'process',
    begin: async (life) => {
      const reason = await options.fault?.();
      return reason === undefined ? beginProcess(begin, life) : { kind: 'failed', reason, passing: false };
    },
  });
}

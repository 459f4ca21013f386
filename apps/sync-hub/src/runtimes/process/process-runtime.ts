import { randomBytes } from 'node:crypto';
import { credentials } from '@grpc/grpc-js';
import { type AdapterLog, withinTime } from '@hms-sync/adapter-sdk/host';
import { ConfigSecrets } from '../config-secrets.ts';
import { HEARTBEAT_MS } from '../heartbeat.ts';
import { type Manifest, SPOKEN_PROTOCOLS } from '../manifest.ts';
import { AdapterClient } from '../protocol/adapter-client.ts';
import { type HandshakeOptions, handshake, type StartFailure } from '../protocol/handshake.ts';
import type { ReadyRuntime } from '../runtime.ts';
import {
  type AdapterLife,
  type LifeOptions,
  SupervisedRuntime,
  type SupervisedRuntimeOptions,
} from '../supervised-runtime.ts';
import { AdapterProcess } from './adapter-process.ts';
import { HEAP_SHARE, launchCommand } from './launch-command.ts';
import { watchMemory } from './memory-watch.ts';
import { makeSocketFolder } from './orphan-guard.ts';
import { ProcessLife } from './process-life.ts';
import { ProcessLog } from './process-log.ts';

/** Too many files are open, there is no memory, or no room for a process. */
const OF_THE_MACHINE = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN']);
const LAUNCH_SECRET_BYTES = 32;
/** Node starts in a tenth of a second; a machine under load takes ten times that. */
const LISTEN_TIMEOUT_MS = 10_000;
/** What a process that imports in an endless loop gets beyond its time, to say by itself that it took too long. */
const LOAD_NOTICE_MS = 2_000;
/** A process that broke its connection has ended by then, or will not. */
const DEATH_NOTICE_MS = 500;
/** A process that is being started has nothing to lose. */
const STOP_MS = 11_000;

/** An adapter that hangs at import would else never be reported as failed. */
const LOAD_TIMEOUT_MS = 10_000;
/**
 * Three times what an attempt gets by default: a client that cannot be aborted but has a time limit of its own, as most
 * have, ends by then.
 */
const ABORT_GRACE_MS = 30_000;

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
  /** How long an attempt may continue once it was asked to stop, before its process is killed; 30 s by default. */
  readonly abortGraceMs?: number;
  /** How often the process is asked for a sign of life; each second by default. Killed after five without one. */
  readonly heartbeatMs?: number;
}

/**
 * Runs adapter code in a process of its own, one for each version: whatever it does, it does there. When the process
 * ends, each attempt that it had ends as crashed, with the number of those that may be to blame.
 */
export function createProcessRuntime(options: ProcessRuntimeOptions): SupervisedRuntime {
  return new SupervisedRuntime({ ...options, kind: 'process', begin: (life) => beginProcess(options, life) });
}

/** Starts a process for an adapter and makes it ready. Never rejects; with a failure nothing of the process is left. */
async function beginProcess(
  options: ProcessRuntimeOptions,
  { onEnd, signal }: LifeOptions,
): Promise<AdapterLife | StartFailure> {
  const { manifest, config, log, hubVersion, protocols = SPOKEN_PROTOCOLS } = options;
  const { loadTimeoutMs = LOAD_TIMEOUT_MS, abortGraceMs = ABORT_GRACE_MS, heartbeatMs = HEARTBEAT_MS } = options;
  const fault = await options.fault?.();
  if (fault !== undefined) return failed(fault);
  const { memoryMb } = manifest;
  const name = `${manifest.package}@${manifest.version}`;
  const launchSecret = randomBytes(LAUNCH_SECRET_BYTES).toString('base64url');
  const secrets = new ConfigSecrets([config, launchSecret]);
  const folder = await makeSocketFolder();
  let child: AdapterProcess;
  try {
    const command = await launchCommand(manifest, { socket: folder.socket, loadTimeoutMs });
    const heapLimitMb = Math.floor(memoryMb * HEAP_SHARE);
    child = new AdapterProcess({ command, log: new ProcessLog(log), secrets, heapLimitMb, launchSecret });
  } catch (error) {
    await folder.remove();
    if (isOfTheMachine(error)) throw error;
    return failed(`${name} could not be loaded: ${secrets.takenOut(String(error))}`);
  }
  void child.ended.then(folder.remove);
  // From the first moment: importing and opening run adapter code, too.
  void child.ended.then(limitMemory(child, memoryMb));
  const client = new AdapterClient({
    target: `unix:${folder.socket}`,
    credentials: credentials.createInsecure(),
    token: launchSecret,
  });
  const describeTimeoutMs = loadTimeoutMs + LOAD_NOTICE_MS;
  const begun = await Promise.race([
    makeReady(child, { client, hubVersion, protocols, config, secrets, name, describeTimeoutMs }),
    child.ended.then((why) => passing(`the process of ${name} ${why} while it was starting`)),
    whenAborted(signal).then(() => stopped),
  ]);
  if (begun.kind === 'ready' && !signal.aborted) {
    return new ProcessLife({ child, client, secrets, ready: begun, abortGraceMs, heartbeatMs, onEnd });
  }
  if (signal.aborted) await child.terminate(STOP_MS);
  else child.kill('it could not be started');
  await child.ended;
  client.close();
  return begun.kind === 'ready' ? stopped : begun;
}

/** Passing, and no fault of the package. Node throws some of what the system says to a spawn, such as E2BIG. */
function isOfTheMachine(error: unknown): boolean {
  const { code = '', syscall = '' } = error as NodeJS.ErrnoException;
  return OF_THE_MACHINE.has(code) || syscall.startsWith('spawn');
}

/** Kills a process that has more memory than its manifest allows it. Returns what ends that. */
function limitMemory(child: AdapterProcess, memoryMb: number): () => void {
  return watchMemory({
    pid: child.pid ?? 0,
    limitBytes: memoryMb * 1024 * 1024,
    onExceeded: (residentBytes) =>
      child.kill(
        `it had ${Math.round(residentBytes / 1024 / 1024)} MB of memory, and ${memoryMb} are allowed (limits.memoryMb in its manifest)`,
      ),
  });
}

async function makeReady(child: AdapterProcess, options: HandshakeOptions): Promise<ReadyRuntime | StartFailure> {
  const listening = await withinTime(LISTEN_TIMEOUT_MS, () => child.listening);
  if (listening.late) return passing(`${options.name} did not begin to serve within ${LISTEN_TIMEOUT_MS} ms`);
  const shaken = await handshake(options);
  // A process that dies breaks its connection first. That it died is known a moment later, and says more.
  if (shaken.kind !== 'ready' && shaken.passing) await withinTime(DEATH_NOTICE_MS, () => child.ended);
  return shaken;
}

const stopped = failed('the hub stopped while the adapter was being started');

function failed(reason: string): StartFailure {
  return { kind: 'failed', reason, passing: false };
}

function passing(reason: string): StartFailure {
  return { kind: 'failed', reason, passing: true };
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

import { randomBytes } from 'node:crypto';
import { credentials } from '@grpc/grpc-js';
import { type AdapterLog, withinTime } from '@hms-sync/adapter-sdk/host';
import type { Manifest } from '../manifest.ts';
import { AdapterClient } from '../protocol/adapter-client.ts';
import { ConfigSecrets } from '../protocol/config-secrets.ts';
import { handshake, type StartFailure } from '../protocol/handshake.ts';
import type { ReadyRuntime } from '../runtime.ts';
import type { AdapterLife, LifeOptions } from '../supervised-runtime.ts';
import { AdapterProcess } from './adapter-process.ts';
import { HEAP_SHARE, launchCommand } from './launch-command.ts';
import { watchMemory } from './memory-watch.ts';
import { ProcessLife } from './process-life.ts';
import { ProcessLog } from './process-log.ts';
import { makeSocketFolder } from './socket-folder.ts';

/** Passing, and no fault of the package: too many files are open, there is no memory, or no room for a process. */
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

export interface BeginProcessOptions {
  readonly manifest: Manifest;
  readonly config: unknown;
  readonly log: AdapterLog;
  readonly hubVersion: string;
  readonly protocols: readonly number[];
  readonly loadTimeoutMs: number;
  readonly abortGraceMs: number;
  readonly heartbeatMs: number;
}

/** Starts a process for an adapter and makes it ready. Never rejects; with a failure nothing of the process is left. */
export async function beginProcess(
  options: BeginProcessOptions,
  { onEnd, signal }: LifeOptions,
): Promise<AdapterLife | StartFailure> {
  const { manifest, config, log, loadTimeoutMs } = options;
  const { memoryMb } = manifest;
  const name = `${manifest.package}@${manifest.version}`;
  const launchSecret = randomBytes(LAUNCH_SECRET_BYTES).toString('base64url');
  const secrets = new ConfigSecrets([config, launchSecret]);
  const folder = await makeSocketFolder();
  const { socket } = folder;
  const command = await launchCommand(manifest, { socket, loadTimeoutMs }).catch(
    async (error: NodeJS.ErrnoException) => {
      if (!OF_THE_MACHINE.has(error.code ?? '')) return String(error);
      await folder.remove();
      throw error;
    },
  );
  if (typeof command === 'string' || signal.aborted) {
    await folder.remove();
    return typeof command === 'string' ? failed(`${name} could not be loaded: ${secrets.takenOut(command)}`) : stopped;
  }
  let process: AdapterProcess;
  try {
    const heapLimitMb = Math.floor(memoryMb * HEAP_SHARE);
    process = new AdapterProcess({ command, log: new ProcessLog(log), secrets, heapLimitMb, launchSecret });
  } catch (error) {
    // Node throws for some of what the system says: more arguments than it takes, no memory for a process.
    await folder.remove();
    throw error;
  }
  void process.ended.then(folder.remove);
  // From the first moment: importing and opening run adapter code, too.
  void process.ended.then(limitMemory(process, memoryMb));
  const client = new AdapterClient({
    target: `unix:${socket}`,
    credentials: credentials.createInsecure(),
    token: launchSecret,
  });
  const begun = await Promise.race([
    makeReady({ ...options, process, client, secrets, name }),
    process.ended.then((why) => passing(`the process of ${name} ${why} while it was starting`)),
    whenAborted(signal).then(() => stopped),
  ]);
  if (begun.kind === 'ready' && !signal.aborted) {
    return new ProcessLife({ ...options, process, client, secrets, ready: begun, onEnd });
  }
  if (signal.aborted) await process.terminate(STOP_MS);
  else process.kill('it could not be started');
  await process.ended;
  client.close();
  return begun.kind === 'ready' ? stopped : begun;
}

/** Kills a process that has more memory than its manifest allows it. Returns what ends that. */
function limitMemory(process: AdapterProcess, memoryMb: number): () => void {
  return watchMemory({
    pid: process.pid ?? 0,
    limitBytes: memoryMb * 1024 * 1024,
    onExceeded: (residentBytes) =>
      process.kill(
        `it had ${Math.round(residentBytes / 1024 / 1024)} MB of memory, and ${memoryMb} are allowed (limits.memoryMb in its manifest)`,
      ),
  });
}

interface ReadyNeeds extends BeginProcessOptions {
  readonly process: AdapterProcess;
  readonly client: AdapterClient;
  readonly secrets: ConfigSecrets;
  readonly name: string;
}

async function makeReady(needs: ReadyNeeds): Promise<ReadyRuntime | StartFailure> {
  const { process, name, loadTimeoutMs } = needs;
  const listening = await withinTime(LISTEN_TIMEOUT_MS, () => process.listening);
  if (listening.late) return passing(`${name} did not begin to serve within ${LISTEN_TIMEOUT_MS} ms`);
  const shaken = await handshake({ ...needs, describeTimeoutMs: loadTimeoutMs + LOAD_NOTICE_MS });
  // A process that dies breaks its connection first. That it died is known a moment later, and says more.
  if (shaken.kind !== 'ready' && shaken.passing) await withinTime(DEATH_NOTICE_MS, () => process.ended);
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

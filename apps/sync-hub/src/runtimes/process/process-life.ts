import type { AttemptEnd } from '../../core/outcome.ts';
import { startHeartbeat } from '../heartbeat.ts';
import type { AdapterClient } from '../protocol/adapter-client.ts';
import { checkAdapter } from '../protocol/check-adapter.ts';
import type { ConfigSecrets } from '../protocol/config-secrets.ts';
import { DeliveryStream } from '../protocol/delivery-stream.ts';
import type { CheckResult, DeliveryAttempt, ReadyRuntime } from '../runtime.ts';
import type { AdapterLife } from '../supervised-runtime.ts';
import { AbortGrace } from './abort-grace.ts';
import type { AdapterProcess } from './adapter-process.ts';
import { watchMemory } from './memory-watch.ts';

/** The SDK gives running attempts 10 s and close() 10 s; the rest is for the way. */
const CLOSE_MS = 22_000;
/** A process that dies breaks its connection first; that it died is known a moment later. */
const DEATH_NOTICE_MS = 1_000;

export interface ProcessLifeOptions {
  readonly process: AdapterProcess;
  readonly client: AdapterClient;
  readonly ready: ReadyRuntime;
  readonly secrets: ConfigSecrets;
  readonly memoryMb: number;
  readonly abortGraceMs: number;
  readonly heartbeatMs: number;
  /** It ended by itself or was killed. Called once, before its attempts get their outcomes. */
  readonly onEnd: (why: string) => void;
}

/**
 * An adapter's process that takes deliveries, and whatever watches it. It is killed when it does not answer, has too
 * much memory, breaks its connection, or has an attempt that does not stop when it is asked to.
 */
export class ProcessLife implements AdapterLife {
  readonly ready: ReadyRuntime;
  readonly #options: ProcessLifeOptions;
  readonly #stream: DeliveryStream;
  readonly #grace: AbortGrace;
  readonly #stopWatching: readonly (() => void)[];
  #closing = false;

  constructor(options: ProcessLifeOptions) {
    this.#options = options;
    this.ready = options.ready;
    const { process, client, memoryMb, abortGraceMs, heartbeatMs } = options;
    this.#grace = new AbortGrace({
      graceMs: abortGraceMs,
      onExpired: () => process.kill(`an attempt did not stop within ${inSeconds(abortGraceMs)} of being asked to`),
    });
    this.#stream = new DeliveryStream({
      call: client.deliver(),
      onEnd: () => this.#connectionEnded(),
      onAbort: (ref) => this.#grace.begin(ref),
      onOutcome: (ref) => this.#grace.end(ref),
    });
    const stopHeartbeat = startHeartbeat({
      intervalMs: heartbeatMs,
      beat: (timeoutMs) => client.beat(timeoutMs),
      onSilent: (silentMs) =>
        process.kill(`it gave no sign of life for ${inSeconds(silentMs)}, as code in a loop does not`),
    });
    const stopMemoryWatch = watchMemory({
      pid: process.pid ?? 0,
      limitBytes: memoryMb * 1024 * 1024,
      onExceeded: (residentBytes) =>
        process.kill(
          `it had ${Math.round(residentBytes / 1024 / 1024)} MB of memory, and ${memoryMb} are allowed (limits.memoryMb in its manifest)`,
        ),
    });
    this.#stopWatching = [stopHeartbeat, stopMemoryWatch, () => this.#grace.stop()];
    void process.ended.then((why) => this.#processEnded(why));
  }

  check(): Promise<readonly CheckResult[]> {
    return checkAdapter(this.#options);
  }

  deliver(attempt: DeliveryAttempt, signal: AbortSignal): Promise<AttemptEnd> {
    return this.#stream.deliver(attempt, signal);
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#options.process.terminate(CLOSE_MS);
  }

  #connectionEnded(): void {
    if (this.#closing) return;
    const { process } = this.#options;
    const timer = setTimeout(() => process.kill('it broke its connection to the hub'), DEATH_NOTICE_MS);
    void process.ended.then(() => clearTimeout(timer));
  }

  #processEnded(why: string): void {
    for (const stop of this.#stopWatching) stop();
    const reason = `the adapter's process ${why}`;
    if (!this.#closing) this.#options.onEnd(reason);
    this.#options.client.close();
    const suspects = this.#stream.inFlight;
    this.#stream.settleAll({ kind: 'crashed', failure: { code: 'PROCESS_ENDED', message: reason }, suspects });
  }
}

function inSeconds(ms: number): string {
  return `${ms / 1_000} s`;
}

import { withinTime } from '@hms-sync/adapter-sdk/host';
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

/** The SDK gives running attempts 10 s and close() 10 s; the rest is for the way. */
const CLOSE_MS = 22_000;
/** A process that dies breaks its connection first; that it died is known a moment later. */
const DEATH_NOTICE_MS = 1_000;

export interface ProcessLifeOptions {
  readonly process: AdapterProcess;
  readonly client: AdapterClient;
  readonly ready: ReadyRuntime;
  readonly secrets: ConfigSecrets;
  readonly abortGraceMs: number;
  readonly heartbeatMs: number;
  /** It ended by itself or was killed. Called once, before its attempts get their outcomes. */
  readonly onEnd: (why: string) => void;
}

/**
 * An adapter's process that takes deliveries, and whatever watches it. It is killed when it does not answer, breaks its
 * connection, or has an attempt that does not stop when it is asked to.
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
    const { process, client, abortGraceMs, heartbeatMs } = options;
    this.#grace = new AbortGrace({
      graceMs: abortGraceMs,
      onExpired: () => process.kill(`an attempt did not stop within ${inSeconds(abortGraceMs)} of being asked to`),
    });
    this.#stream = new DeliveryStream({
      call: client.deliver(),
      onEnd: (why) => this.#connectionEnded(why),
      onAbort: (ref) => this.#grace.begin(ref),
      onOutcome: (ref) => this.#grace.end(ref),
    });
    const stopHeartbeat = startHeartbeat({
      intervalMs: heartbeatMs,
      beat: (timeoutMs) => client.beat(timeoutMs),
      onSilent: (silentMs) =>
        process.kill(`it gave no sign of life for ${inSeconds(silentMs)}, as code in a loop does not`),
    });
    this.#stopWatching = [stopHeartbeat, () => this.#grace.stop()];
    void process.ended.then((why) => this.#processEnded(why));
  }

  check(): Promise<readonly CheckResult[]> {
    const { process } = this.#options;
    return checkAdapter({ ...this.#options, afterSilence: () => withinTime(DEATH_NOTICE_MS, () => process.ended) });
  }

  deliver(attempt: DeliveryAttempt, signal: AbortSignal): Promise<AttemptEnd> {
    return this.#stream.deliver(attempt, signal);
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#options.process.terminate(CLOSE_MS);
  }

  #connectionEnded(why: string): void {
    if (this.#closing) return;
    const { process } = this.#options;
    const timer = setTimeout(() => process.kill(`it broke its connection to the hub: ${why}`), DEATH_NOTICE_MS);
    void process.ended.then(() => clearTimeout(timer));
  }

  #processEnded(why: string): void {
    for (const stop of this.#stopWatching) stop();
    const reason = `the adapter's process ${why}`;
    if (!this.#closing) this.#options.onEnd(reason);
    this.#options.client.close();
    const failure = { code: 'PROCESS_ENDED', message: reason };
    // What it could not finish when it was asked to end did not break it: a version is replaced, and no event is to blame.
    if (this.#closing) this.#stream.settleAll({ kind: 'retryable', failure });
    else this.#stream.settleAll({ kind: 'crashed', failure, suspects: this.#stream.inFlight });
  }
}

function inSeconds(ms: number): string {
  return `${ms / 1_000} s`;
}

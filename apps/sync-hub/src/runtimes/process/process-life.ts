import { withinTime } from '@hms-sync/adapter-sdk/host';
import type { ConfigSecrets } from '../config-secrets.ts';
import { startHeartbeat } from '../heartbeat.ts';
import type { AdapterClient } from '../protocol/adapter-client.ts';
import { checkAdapter } from '../protocol/adapter-client.ts';
import { DeliveryStream } from '../protocol/delivery-stream.ts';
import type { CheckResult, ReadyRuntime } from '../runtime.ts';
import type { AdapterLife } from '../supervised-runtime.ts';
import type { AdapterProcess } from './adapter-process.ts';

/** The SDK gives running attempts 10 s and close() 10 s; the rest is for the way. */
const CLOSE_MS = 22_000;
/** A process that dies breaks its connection first; that it died is known a moment later. */
const DEATH_NOTICE_MS = 1_000;

export interface ProcessLifeOptions {
  readonly child: AdapterProcess;
  readonly client: AdapterClient;
  readonly ready: ReadyRuntime;
  readonly secrets: ConfigSecrets;
  readonly abortGraceMs: number;
  readonly heartbeatMs: number;
  /** It ended by itself or was killed. Called once, before its attempts get their outcomes. */
  readonly onEnd: (why: string) => void;
}

/**
 * An adapter's process that accepts deliveries, and whatever watches it. It is killed when it does not answer, breaks its
 * connection, or has an attempt that does not stop when it is asked to.
 */
export class ProcessLife implements AdapterLife {
  readonly ready: ReadyRuntime;
  readonly stream: DeliveryStream;
  readonly #options: ProcessLifeOptions;
  /** Of each attempt that was asked to stop. Timers of one length cost Node next to nothing. */
  readonly #graces = new Map<bigint, NodeJS.Timeout>();
  readonly #stopHeartbeat: () => void;
  #closing = false;

  constructor(options: ProcessLifeOptions) {
    this.#options = options;
    this.ready = options.ready;
    const { child, client, abortGraceMs, heartbeatMs } = options;
    const kill = () => child.kill(`an attempt did not stop within ${inSeconds(abortGraceMs)} of being asked to`);
    this.stream = new DeliveryStream({
      call: client.deliver(),
      onEnd: (why) => this.#connectionEnded(why),
      onAbort: (ref) => this.#graces.set(ref, setTimeout(kill, abortGraceMs)),
      onOutcome: (ref) => this.#endGrace(ref),
    });
    this.#stopHeartbeat = startHeartbeat({
      intervalMs: heartbeatMs,
      beat: (timeoutMs) => client.beat(timeoutMs),
      onSilent: (silentMs) =>
        child.kill(`it gave no sign of life for ${inSeconds(silentMs)}, as code in a loop does not`),
    });
    void child.ended.then((why) => this.#processEnded(why));
  }

  check(): Promise<readonly CheckResult[]> {
    const { child } = this.#options;
    return checkAdapter({ ...this.#options, afterSilence: () => withinTime(DEATH_NOTICE_MS, () => child.ended) });
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#options.child.terminate(CLOSE_MS);
  }

  #endGrace(ref: bigint): void {
    clearTimeout(this.#graces.get(ref));
    this.#graces.delete(ref);
  }

  #connectionEnded(why: string): void {
    if (this.#closing) return;
    const { child } = this.#options;
    const timer = setTimeout(() => child.kill(`it broke its connection to the hub: ${why}`), DEATH_NOTICE_MS);
    void child.ended.then(() => clearTimeout(timer));
  }

  #processEnded(why: string): void {
    this.#stopHeartbeat();
    for (const ref of [...this.#graces.keys()]) this.#endGrace(ref);
    const reason = `the adapter's process ${why}`;
    if (!this.#closing) this.#options.onEnd(reason);
    this.#options.client.close();
    const failure = { code: 'PROCESS_ENDED', message: reason };
    // What it could not finish when it was asked to end did not break it: a version is replaced, and no event is to blame.
    if (this.#closing) this.stream.settleAll({ kind: 'retryable', failure });
    else this.stream.settleAll({ kind: 'crashed', failure, suspects: this.stream.inFlight });
  }
}

function inSeconds(ms: number): string {
  return `${ms / 1_000} s`;
}

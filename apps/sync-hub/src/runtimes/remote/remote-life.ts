import type { ConfigSecrets } from '../config-secrets.ts';
import { startHeartbeat } from '../heartbeat.ts';
import type { AdapterClient } from '../protocol/adapter-client.ts';
import { checkAdapter } from '../protocol/adapter-client.ts';
import { DeliveryStream } from '../protocol/delivery-stream.ts';
import type { CheckResult, ReadyRuntime } from '../runtime.ts';
import type { AdapterLife } from '../supervised-runtime.ts';

/** What runs has this time when the hub stops; then the adapter is asked to abort it. */
const CLOSE_MS = 10_000;

export interface RemoteLifeOptions {
  readonly client: AdapterClient;
  readonly ready: ReadyRuntime;
  readonly secrets: ConfigSecrets;
  /** As the operator knows it. */
  readonly name: string;
  readonly heartbeatMs: number;
  /** The connection ended. Called once, before its attempts get their outcomes. */
  readonly onEnd: (why: string) => void;
}

/**
 * A connection to an adapter elsewhere. When it ends, the adapter is to abort what it has; the hub cannot know whether
 * it did or took effect, so these attempts are retryable and their redelivery is declared. There is no process to kill:
 * an attempt that does not stop when it is asked to owns its key until it settles or the connection ends.
 */
export class RemoteLife implements AdapterLife {
  readonly ready: ReadyRuntime;
  readonly stream: DeliveryStream;
  readonly #options: RemoteLifeOptions;
  readonly #stopHeartbeat: () => void;
  #onIdle: () => void = () => undefined;
  #over = false;

  constructor(options: RemoteLifeOptions) {
    this.ready = options.ready;
    this.#options = options;
    const { client, heartbeatMs } = options;
    this.stream = new DeliveryStream({
      call: client.deliver(),
      onEnd: (why) => this.#end(why),
      onOutcome: () => this.#onIdle(),
    });
    this.#stopHeartbeat = startHeartbeat({
      intervalMs: heartbeatMs,
      beat: (timeoutMs) => client.beat(timeoutMs),
      onSilent: (silentMs) => this.#end(`no sign of life for ${silentMs / 1_000} s`),
    });
  }

  check(): Promise<readonly CheckResult[]> {
    return checkAdapter(this.#options);
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = () => {
      if (this.stream.inFlight === 0) resolve();
    };
    this.#onIdle();
    const timer = setTimeout(resolve, CLOSE_MS);
    await promise;
    clearTimeout(timer);
    this.#letGo('the hub stopped');
  }

  #end(why: string): void {
    if (this.#over) return;
    const reason = `the connection to ${this.#options.name} ended: ${why}`;
    this.#options.onEnd(reason);
    this.#letGo(reason);
  }

  #letGo(why: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopHeartbeat();
    this.#options.client.close();
    this.stream.settleAll({
      kind: 'retryable',
      failure: { code: 'CONNECTION_LOST', message: `${why}; whether it took effect is unknown` },
    });
  }
}

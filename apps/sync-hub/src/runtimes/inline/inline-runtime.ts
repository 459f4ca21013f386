import { types } from 'node:util';
import {
  type AdapterHost,
  type AdapterLog,
  type Outcome as AdapterOutcome,
  createAdapterHost,
  createRedactor,
  nameOf,
  peek,
  stringsIn,
  withinTime,
} from '@hms-sync/adapter-sdk/host';
import type { AttemptEnd, Outcome } from '../../core/outcome.ts';
import type { Manifest } from '../manifest.ts';
import { NOT_SENT } from '../not-sent.ts';
import type { CheckResult, DeliveryAttempt, Runtime, RuntimeStart } from '../runtime.ts';
import { loadDefinition } from './load-definition.ts';

/** An adapter that hangs at import would else never be told to have failed. */
const LOAD_TIMEOUT_MS = 10_000;

/** An error's message is for one line of a log. */
const REASON_MAX_CHARACTERS = 512;
/** Shorter values are words such as `on` or `80`, which a message needs for its own sentence. */
const SECRET_MIN_CHARACTERS = 4;

export interface InlineRuntimeOptions {
  readonly manifest: Manifest;
  /** The adapter's part of the configuration, secrets in clear. */
  readonly config: unknown;
  readonly log: AdapterLog;
  /** How long importing the adapter may take; 10 s by default. */
  readonly loadTimeoutMs?: number;
}

/**
 * Runs adapter code in the hub's own process: for trusted adapters and for tests. It has no wall: a loop in an
 * adapter stops the hub.
 */
export class InlineRuntime implements Runtime {
  readonly kind = 'inline';
  readonly #options: InlineRuntimeOptions;
  #host: AdapterHost | undefined;
  #closed = false;

  constructor(options: InlineRuntimeOptions) {
    this.#options = options;
  }

  async start(): Promise<RuntimeStart> {
    const { manifest, config, log, loadTimeoutMs = LOAD_TIMEOUT_MS } = this.#options;
    try {
      const loaded = await withinTime(loadTimeoutMs, () => loadDefinition(manifest));
      if (loaded.late) return this.#notLoaded(`it did not finish importing within ${loadTimeoutMs} ms`);
      if (this.#closed) return { kind: 'failed', reason: 'the hub stopped while the adapter was being loaded' };
      const host = createAdapterHost(loaded.result, { adapter: { id: manifest.id, version: manifest.version }, log });
      // Known before it is configured, so that closing meanwhile closes what is being opened.
      this.#host = host;
      const diagnostics = await host.configure(config);
      if (diagnostics.length > 0) {
        this.#host = undefined;
        await host.close();
        const wrong = diagnostics.map(({ path, message }) => `config${path && `.${path}`}: ${message}`).join('; ');
        return { kind: 'failed', reason: `${wrong}; fix the adapter's configuration` };
      }
      const { accepts, delivery } = host.description;
      return {
        kind: 'ready',
        accepts: accepts === undefined ? 'all' : new Set(accepts),
        concurrency: delivery.concurrency,
        attemptTimeoutMs: delivery.timeoutMs,
      };
    } catch (error) {
      return this.#notLoaded(reasonOf(error, config));
    }
  }

  async check(): Promise<readonly CheckResult[]> {
    return this.#host?.check() ?? [];
  }

  async deliver(attempt: DeliveryAttempt, signal: AbortSignal): Promise<AttemptEnd> {
    const { event, idempotencyKey, number, redelivered, timeoutMs } = attempt;
    if (this.#host === undefined) return NOT_SENT;
    const outcome = await this.#host.deliver(
      {
        event: {
          id: event.id,
          source: event.source,
          type: event.type,
          key: event.key,
          time: new Date(event.timeMs),
          data: event.data,
          dataContentType: event.dataContentType,
          attributes: event.attributes,
        },
        idempotencyKey,
        attempt: number,
        redelivered,
        timeoutMs,
      },
      signal,
    );
    return fromAdapter(outcome);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#host?.close();
  }

  #notLoaded(why: string): RuntimeStart {
    const { manifest } = this.#options;
    return { kind: 'failed', reason: `${manifest.package}@${manifest.version} could not be loaded: ${why}` };
  }
}

/** The hub knows one word for "a person must mend the configuration or the credential". */
function fromAdapter(outcome: AdapterOutcome): Outcome {
  if (outcome.kind === 'delivered') return { kind: 'delivered', receipt: outcome.receipt };
  const failure = { code: outcome.code, message: outcome.message };
  switch (outcome.kind) {
    case 'retryable':
      return {
        kind: 'retryable',
        failure,
        ...(outcome.retryAfterMs !== undefined && { retryAfterMs: outcome.retryAfterMs }),
      };
    case 'throttled':
      return {
        kind: 'throttled',
        failure,
        retryAfterMs: outcome.retryAfterMs,
        ...(outcome.scope !== undefined && { scope: outcome.scope }),
      };
    case 'permanent':
      return { kind: 'permanent', failure };
    case 'misconfigured':
    case 'unauthorized':
      return { kind: 'misconfigured', failure };
    default:
      return outcome satisfies never;
  }
}

/**
 * What an adapter threw at import, which may be anything, down to an error whose message cannot be read. Importing
 * gets no configuration, but its secrets come from an environment that adapter code can read.
 */
function reasonOf(error: unknown, config: unknown): string {
  const message = types.isNativeError(error) ? peek(error, 'message') : undefined;
  const what = typeof message === 'string' ? `${nameOf(error)}: ${message}` : `it threw ${nameOf(error)}`;
  const { learn, redact } = createRedactor();
  learn(stringsIn(config).filter((value) => value.length >= SECRET_MIN_CHARACTERS));
  // Half a character at the cut would keep the reason from being sent.
  return redact(what).slice(0, REASON_MAX_CHARACTERS).toWellFormed();
}

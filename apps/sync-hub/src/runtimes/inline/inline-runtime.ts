import type { AdapterHost, AdapterLog, Outcome as AdapterOutcome } from '@hms-sync/adapter-sdk/host';
import { createAdapterHost } from '@hms-sync/adapter-sdk/host';
import type { Outcome } from '../../core/outcome.ts';
import type { Manifest } from '../manifest.ts';
import type { DeliveryAttempt, Runtime, RuntimeStart } from '../runtime.ts';
import { loadDefinition } from './load-definition.ts';

/** An adapter that hangs at import would else never be told to have failed. */
const LOAD_TIMEOUT_MS = 10_000;

export interface InlineRuntimeOptions {
  readonly manifest: Manifest;
  /** The adapter's part of the configuration, secrets in clear. */
  readonly config: unknown;
  readonly log: AdapterLog;
}

/**
 * Runs adapter code in the hub's own process: for trusted adapters and for tests. It has no wall: a loop in an
 * adapter stops the hub.
 */
export class InlineRuntime implements Runtime {
  readonly kind = 'inline';
  readonly #options: InlineRuntimeOptions;
  #host: AdapterHost | undefined;

  constructor(options: InlineRuntimeOptions) {
    this.#options = options;
  }

  async start(): Promise<RuntimeStart> {
    const { manifest, config, log } = this.#options;
    try {
      const definition = await withinLoadTime(loadDefinition(manifest));
      const host = createAdapterHost(definition, { adapter: { id: manifest.id, version: manifest.version }, log });
      const diagnostics = await host.configure(config);
      if (diagnostics.length > 0) {
        await host.close();
        const wrong = diagnostics.map(({ path, message }) => `config${path && `.${path}`}: ${message}`).join('; ');
        return { kind: 'failed', reason: `${wrong}; mend the adapter's configuration and restart the hub` };
      }
      this.#host = host;
      const { accepts, delivery } = host.description;
      return {
        kind: 'ready',
        accepts: accepts === undefined ? 'all' : new Set(accepts),
        concurrency: delivery.concurrency,
        attemptTimeoutMs: delivery.timeoutMs,
      };
    } catch (error) {
      return {
        kind: 'failed',
        reason: `${manifest.package}@${manifest.version} could not be loaded: ${describe(error)}`,
      };
    }
  }

  async deliver(attempt: DeliveryAttempt, signal: AbortSignal): Promise<Outcome> {
    const { event, idempotencyKey, number, redelivered, timeoutMs } = attempt;
    if (this.#host === undefined)
      return { kind: 'crashed', failure: { code: 'NOT_STARTED', message: 'the adapter does not run' } };
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
    await this.#host?.close();
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
      return { kind: 'throttled', failure, retryAfterMs: outcome.retryAfterMs };
    case 'permanent':
      return { kind: 'permanent', failure };
    case 'misconfigured':
    case 'unauthorized':
      return { kind: 'misconfigured', failure };
    default:
      return outcome satisfies never;
  }
}

async function withinLoadTime<Value>(loading: Promise<Value>): Promise<Value> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`it did not finish importing within ${LOAD_TIMEOUT_MS} ms`)),
    LOAD_TIMEOUT_MS,
  );
  try {
    return await Promise.race([loading, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What an adapter throws at import may be anything. */
function describe(error: unknown): string {
  return (error instanceof Error ? `${error.name}: ${error.message}` : `it threw ${typeof error}`).slice(0, 512);
}

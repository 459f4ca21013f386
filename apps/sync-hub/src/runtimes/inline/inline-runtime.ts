import { pathToFileURL } from 'node:url';
import { types } from 'node:util';
import {
  type AdapterHost,
  type AdapterLog,
  createAdapterHost,
  type DefinedAdapter,
  isAdapterDefinition,
  nameOf,
  peek,
  withinTime,
} from '@hms-sync/adapter-sdk/host';
import type { AttemptEnd } from '../../core/outcome.ts';
import { toOutcome } from '../adapter-outcome.ts';
import { ConfigSecrets } from '../config-secrets.ts';
import { findEntryFile } from '../entry-file.ts';
import type { Manifest } from '../manifest.ts';
import { type CheckResult, type DeliveryAttempt, NOT_SENT, type Runtime, type RuntimeStart } from '../runtime.ts';

/** An adapter that hangs at import would else never be reported as failed. */
const LOAD_TIMEOUT_MS = 10_000;

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
    return toOutcome(outcome);
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

/**
 * Runs an adapter's code: imports the package export that its manifest names.
 *
 * @returns the definition that defineAdapter made
 * @throws whatever the module throws at import, or an Error that says what is wrong with its export
 */
export async function loadDefinition(manifest: Manifest): Promise<DefinedAdapter> {
  const { path, name } = await findEntryFile(manifest);
  const module = await import(pathToFileURL(path).href);
  if (!isAdapterDefinition(module.default)) {
    throw new Error(`the default export of ${manifest.package} (${name}) is not made by defineAdapter`);
  }
  return module.default;
}

/**
 * What an adapter threw at import, which may be anything, down to an error whose message cannot be read. Importing
 * gets no configuration, but its secrets come from an environment that adapter code can read.
 */
function reasonOf(error: unknown, config: unknown): string {
  const message = types.isNativeError(error) ? peek(error, 'message') : undefined;
  const what = typeof message === 'string' ? `${nameOf(error)}: ${message}` : `it threw ${nameOf(error)}`;
  return new ConfigSecrets(config).takenOut(what);
}

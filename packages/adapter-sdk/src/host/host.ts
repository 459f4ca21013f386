import { isAdapterError } from '../adapter-error.ts';
import type { AdapterLog } from '../adapter-log.ts';
import { cutToLength } from '../bounded-text.ts';
import type { CheckResult } from '../check-result.ts';
import { configSchemaOf, type JsonSchema } from '../config-schema.ts';
import type { AdapterIdentity } from '../context.ts';
import type { DefinedAdapter } from '../definition.ts';
import { DELIVERY_DEFAULTS, type DeliveryAttempt, type DeliverySettings } from '../delivery.ts';
import { createHttpClient } from '../http/client.ts';
import { MESSAGE_MAX_CHARACTERS, type Outcome } from '../outcome.ts';
import { outcomeOf, peek } from '../outcome-of.ts';
import { type Diagnostic, validateConfiguration } from './configuration.ts';
import { createAdapterLog } from './host-log.ts';
import { createRedactor } from './redactor.ts';
import { createSession, type Session } from './session.ts';
import { withinTime } from './time-bound.ts';

export type { AdapterLog, LogFields } from '../adapter-log.ts';
export type { CheckResult } from '../check-result.ts';
export type { JsonSchema } from '../config-schema.ts';
export type { AdapterIdentity } from '../context.ts';
export { type DefinedAdapter, isAdapterDefinition } from '../definition.ts';
export { DELIVERY_BOUNDS, type DeliveryAttempt, type DeliverySettings } from '../delivery.ts';
export type { EventFields } from '../event.ts';
export {
  delivered,
  type FailureKind,
  failed,
  MESSAGE_MAX_CHARACTERS,
  type Outcome,
  type OutcomeKind,
} from '../outcome.ts';
export { nameOf, peek } from '../outcome-of.ts';
export type { Diagnostic } from './configuration.ts';
export { quotableName } from './quotable-name.ts';
export { createRedactor, type Redactor, stringsIn } from './redactor.ts';
export { subjectAltNames } from './subject-alt-names.ts';
export { withinTime } from './time-bound.ts';

/** The hub's start waits for `open`, so it is limited. */
const OPEN_TIMEOUT_MS = 10_000;

/** Options of a host. */
export interface AdapterHostOptions {
  /** The id and version in its manifest. */
  readonly adapter: AdapterIdentity;
  /** Gets the adapter's records, with secrets redacted. It belongs to this adapter: records have no adapter id. */
  readonly log: AdapterLog;
}

/** The properties of an adapter. */
export interface AdapterDescription {
  /** The event types that it accepts. Undefined: all. */
  readonly accepts: readonly string[] | undefined;
  /** Its delivery settings, including defaults. */
  readonly delivery: DeliverySettings;
  /** The JSON Schema of its configuration. Undefined: it has none. */
  readonly configSchema: JsonSchema | undefined;
}

/**
 * Runs one adapter. Whatever the author's code does, the hub gets exactly one outcome per attempt, within its bounds and
 * without secrets. No method throws or rejects.
 */
export interface AdapterHost {
  /** The properties of the adapter. */
  readonly description: AdapterDescription;
  /**
   * Validates the configuration and opens the adapter with it. An empty result means ready. If there are diagnostics, the
   * earlier configuration stays in use. Otherwise the earlier one is closed when its attempts have settled.
   */
  configure(config: unknown): Promise<readonly Diagnostic[]>;
  /** Runs the adapter's `check`, for at most 10 s; empty when it has none. */
  check(): Promise<readonly CheckResult[]>;
  /**
   * Makes one attempt. Settles when the adapter's code settles; aborting the signal only requests that. An adapter with
   * `pushBatch` gets all attempts that arrive in one turn of the event loop in one call.
   */
  deliver(attempt: DeliveryAttempt, signal: AbortSignal): Promise<Outcome>;
  /** Waits for running attempts, for at most 10 s, then closes the adapter. Can be called again. */
  close(): Promise<void>;
}

/** Creates the host of one adapter. No adapter code runs before `configure`. */
export function createAdapterHost(definition: DefinedAdapter, { adapter, log }: AdapterHostOptions): AdapterHost {
  const redactor = createRedactor();
  const adapterLog = createAdapterLog(log, redactor.redact);
  let session: Session | undefined;
  let closing: Promise<void> | undefined;
  // One configuration at a time: concurrent ones would close each other's session.
  let configuring: Promise<unknown> = Promise.resolve();

  async function open(config: unknown): Promise<Session | readonly Diagnostic[]> {
    const http = createHttpClient({
      userAgent: `hms-sync ${adapter.id}/${adapter.version}`,
      onToken: redactor.learnPassing,
    });
    const closeLate = async (resource: unknown) => {
      await definition.close?.(resource);
      await http.destroy();
    };
    try {
      const opened = await withinTime(
        OPEN_TIMEOUT_MS,
        (signal) => definition.open?.({ config, http: http.client, log: adapterLog, adapter, signal }),
        closeLate,
      );
      if (opened.late) return [{ path: '', message: `open() did not finish within ${OPEN_TIMEOUT_MS} ms` }];
      const { redact } = redactor;
      return createSession({
        definition,
        adapter,
        resource: opened.result,
        log: adapterLog,
        redact,
        release: http.destroy,
      });
    } catch (thrown) {
      await http.destroy();
      return [openDiagnostic(thrown, outcomeOf(thrown, redactor.redact))];
    }
  }

  async function configure(config: unknown): Promise<readonly Diagnostic[]> {
    const validation = await validateConfiguration(definition, config, redactor);
    if (!validation.valid) return validation.diagnostics;
    const opened = await open(validation.config);
    if (!('deliver' in opened)) return opened;
    if (closing !== undefined) {
      await opened.close();
      return [{ path: '', message: 'the adapter was closed while it was being configured' }];
    }
    const former = session;
    session = opened;
    // Not awaited: attempts of the old configuration may still run.
    former?.close();
    return [];
  }

  return {
    description: {
      accepts: definition.accepts,
      delivery: { ...DELIVERY_DEFAULTS, ...definition.delivery },
      configSchema: configSchemaOf(definition),
    },
    configure: (config) => {
      const result = configuring.then(() => configure(config));
      configuring = result;
      return result;
    },
    check: async () =>
      session?.check() ?? [{ name: 'configuration', ok: false, message: 'the adapter has no valid configuration yet' }],
    deliver: async (attempt, signal) => {
      if (closing !== undefined) return unavailable('ADAPTER_CLOSED', 'the adapter is closed');
      return (
        session?.deliver(attempt, signal) ??
        unavailable('ADAPTER_NOT_READY', 'the adapter has no valid configuration yet')
      );
    },
    close: () => {
      closing ??= (async () => {
        await session?.close();
      })();
      return closing;
    },
  };
}

function openDiagnostic(thrown: unknown, outcome: Outcome): Diagnostic {
  const path = isAdapterError(thrown) ? peek(thrown, 'path') : undefined;
  const what = outcome.kind === 'delivered' ? '' : `${outcome.code}: ${outcome.message}`;
  return { path: typeof path === 'string' ? path : '', message: cutToLength(what, MESSAGE_MAX_CHARACTERS) };
}

function unavailable(code: string, message: string): Outcome {
  return { kind: 'retryable', code, message };
}

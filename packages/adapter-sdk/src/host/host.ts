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
export { withinTime } from './time-bound.ts';

/** An adapter that takes longer to open has hung, and the hub's start waits for it. */
const OPEN_TIMEOUT_MS = 10_000;

/** What a host needs besides the definition. */
export interface AdapterHostOptions {
  /** Which adapter this is, by its manifest. */
  readonly adapter: AdapterIdentity;
  /** Where the adapter's records go, secrets taken out. Who speaks is added there: this log is one adapter's. */
  readonly log: AdapterLog;
}

/** What an adapter says about itself. */
export interface AdapterDescription {
  /** The event types that it takes. Undefined: all. */
  readonly accepts: readonly string[] | undefined;
  /** How it wants to be given deliveries; defaults filled in. */
  readonly delivery: DeliverySettings;
  /** The JSON Schema of its configuration. Undefined: it has none. */
  readonly configSchema: JsonSchema | undefined;
}

/**
 * Runs one adapter: between the code that an author wrote, which may do anything, and a hub that is promised one
 * outcome per attempt, within bounds and without secrets. No method throws or rejects.
 */
export interface AdapterHost {
  /** What the adapter says about itself. */
  readonly description: AdapterDescription;
  /**
   * Validates the configuration and opens the adapter with it. Empty: ready. With diagnostics nothing has changed: an
   * earlier configuration stays in service. When a later one is ready, the earlier is closed once its attempts settled.
   */
  configure(config: unknown): Promise<readonly Diagnostic[]>;
  /** What the adapter's `check` finds, within 10 s; empty when it has none. */
  check(): Promise<readonly CheckResult[]>;
  /**
   * One attempt. Settles when the adapter's code settles: aborting the signal asks it to, and only asks. Attempts that
   * arrive in one turn of the event loop go to `pushBatch` together when the adapter has it.
   */
  deliver(attempt: DeliveryAttempt, signal: AbortSignal): Promise<Outcome>;
  /** Waits for running attempts, 10 s at most, then closes the adapter. Again: the same. */
  close(): Promise<void>;
}

/** Makes the host of one adapter. No adapter code runs before `configure`. */
export function createAdapterHost(definition: DefinedAdapter, { adapter, log }: AdapterHostOptions): AdapterHost {
  const redactor = createRedactor();
  const adapterLog = createAdapterLog(log, redactor.redact);
  let session: Session | undefined;
  let closing: Promise<void> | undefined;
  // One configuration after the other: two at once would each close the other's predecessor.
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
    // Not waited for: the new configuration is ready while the old one's attempts still end.
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

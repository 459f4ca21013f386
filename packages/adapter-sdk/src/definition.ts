import type { AdapterErrorData } from './adapter-error.ts';
import type { CheckResult } from './check-result.ts';
import type { ConfigSchema } from './config-schema.ts';
import type { CheckContext, OpenContext, PushContext } from './context.ts';
import { assertDefinition } from './definition-rules.ts';
import type { DeliverySettings } from './delivery.ts';
import type { AdapterEvent } from './event.ts';
import type { DeliveredOutcome, Outcome } from './outcome.ts';

/** On every definition. `Symbol.for` makes it the same symbol in every copy of the SDK. */
const DEFINITION_BRAND: unique symbol = Symbol.for('@hms-sync/adapter-sdk/definition');

/** What `pushBatch` returns for one event: an outcome (the receipt is optional), or an error of the SDK (not thrown). */
export type BatchOutcome =
  | (Omit<DeliveredOutcome, 'receipt'> & { readonly receipt?: string | undefined })
  | Exclude<Outcome, DeliveredOutcome>
  | AdapterErrorData;

// biome-ignore lint/suspicious/noConfusingVoidType: an async function without a return is a Promise<void>, and it is the usual push.
type Receipt = string | void;

interface AdapterParts<Config, Resource> {
  /** The event types that it accepts. Absent: all. Deliveries of other types are SKIPPED without a call. */
  readonly accepts?: readonly string[];
  /** The schema of its configuration. Absent: it has none. */
  readonly config?: ConfigSchema<Config>;
  /** Default delivery settings. Absent: 8 at a time, 10 s each. */
  readonly delivery?: Partial<DeliverySettings>;
  /** Creates the resource that `push` uses. Called once per configuration; at most 10 s. */
  open?(context: OpenContext<Config>): Resource | Promise<Resource>;
  /** Checks that the system is reachable and accepts the credential. Must change nothing there; at most 10 s. */
  check?(resource: Resource, context: CheckContext): readonly CheckResult[] | Promise<readonly CheckResult[]>;
  /** Releases what `open` created, when no attempt uses it any more. */
  close?(resource: Resource): unknown;
}

interface Push<Resource> {
  /**
   * Sends one event to the external system. If it returns nothing or a string, the event is delivered; the string is the
   * receipt (at most 1 KiB is kept). Any other return value (`null`, `false`, a `Response`, an error) makes the attempt
   * retryable, with code `CONTRACT_VIOLATION`. An error of the SDK that it throws decides the outcome; any other error is
   * retryable.
   */
  push(event: AdapterEvent, context: PushContext<Resource>): Receipt | Promise<Receipt>;
}

interface PushBatch<Resource> {
  /**
   * Delivers several events at once: those that arrived in one turn of the event loop.
   * `contexts[i]` belongs to `events[i]`. Returns exactly one outcome per event, in the events' order; a missing,
   * extra or malformed one makes the whole batch retryable, with code `CONTRACT_VIOLATION`. An error that it throws applies
   * to every event. A definition with both calls only `pushBatch`.
   */
  pushBatch(
    events: readonly AdapterEvent[],
    contexts: readonly PushContext<Resource>[],
  ): readonly BatchOutcome[] | Promise<readonly BatchOutcome[]>;
}

/**
 * The parts of an adapter: `push` or `pushBatch`, and optional ones. Write `config`, `open`, `check`, `push` in this order:
 * TypeScript infers the configuration and the resource from one to the next.
 */
export type AdapterDefinition<Config = unknown, Resource = unknown> = AdapterParts<Config, Resource> &
  ((Push<Resource> & Partial<PushBatch<Resource>>) | (PushBatch<Resource> & Partial<Push<Resource>>));

/** A definition that passed {@link defineAdapter}: checked, branded and frozen. */
export type DefinedAdapter<Config = unknown, Resource = unknown> = AdapterDefinition<Config, Resource> & {
  readonly [DEFINITION_BRAND]: true;
};

/**
 * Defines an adapter: the default export of its package.
 *
 * ```ts
 * export default defineAdapter({
 *   config: z.strictObject({ baseUrl: z.url(), token: secret(z.string()) }),
 *   open: ({ config, http }) => http.pool(config.baseUrl, { token: config.token }),
 *   push: (event, context) => context.resource.post('/changes', eventAsJson(event), context),
 *   close: (pool) => pool.close(),
 * });
 * ```
 *
 * @throws TypeError that names the path of the first part that is wrong.
 */
export function defineAdapter<Config = undefined, Resource = undefined>(
  definition: AdapterDefinition<Config, Resource>,
): DefinedAdapter<Config, Resource> {
  assertDefinition(definition);
  return Object.freeze({
    ...definition,
    ...(definition.accepts && { accepts: Object.freeze([...definition.accepts]) }),
    ...(definition.delivery && { delivery: Object.freeze({ ...definition.delivery }) }),
    [DEFINITION_BRAND]: true as const,
  });
}

/** Whether a value came from {@link defineAdapter}, of this copy of the SDK or another. Never throws. */
export function isAdapterDefinition(value: unknown): value is DefinedAdapter {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return DEFINITION_BRAND in value && value[DEFINITION_BRAND] === true;
  } catch {
    // A proxy whose traps throw is not one.
    return false;
  }
}

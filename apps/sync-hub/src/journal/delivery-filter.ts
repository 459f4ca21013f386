import type { DeliveryState } from '../core/delivery.ts';
import type { OutcomeKind } from '../core/outcome.ts';

/**
 * Which deliveries are meant. Fields are joined by "and", the values of one field by "or"; a field that is absent or
 * empty means any, except for states. Plain data: it can be kept as JSON.
 */
export interface DeliveryFilter {
  readonly adapters?: readonly string[];
  /** Absent or empty: {@link NOT_DELIVERED}. */
  readonly states?: readonly DeliveryState[];
  readonly types?: readonly string[];
  readonly keys?: readonly string[];
  readonly eventIds?: readonly string[];
  /** Who published. The empty one is a source too. */
  readonly sources?: readonly string[];
  /** Accepted at this time or later, in milliseconds since 1970 by the hub's clock. */
  readonly acceptedFromMs?: number;
  /** Accepted before this time. */
  readonly acceptedToMs?: number;
  /** The outcome in the last record. */
  readonly errorKinds?: readonly OutcomeKind[];
}

/** The states that answer "what is not delivered". */
export const NOT_DELIVERED: readonly DeliveryState[] = ['waiting', 'retrying', 'dead_lettered'];

/** What a filter looks at. */
export interface FilteredDelivery {
  readonly adapter: string;
  readonly state: DeliveryState;
  readonly type: string;
  readonly key: string;
  readonly eventId: string;
  readonly source: string;
  readonly acceptedAtMs: number;
  /** Undefined when nothing was recorded, or no attempt led to the last record. */
  readonly lastOutcome: OutcomeKind | undefined;
}

/** The states that a filter asks for. */
export function statesOf({ states }: DeliveryFilter): readonly DeliveryState[] {
  return states === undefined || states.length === 0 ? NOT_DELIVERED : states;
}

/** The filter as a test of one delivery. */
export function createMatcher(filter: DeliveryFilter): (delivery: FilteredDelivery) => boolean {
  const states = new Set(statesOf(filter));
  const adapters = wanted(filter.adapters);
  const types = wanted(filter.types);
  const keys = wanted(filter.keys);
  const eventIds = wanted(filter.eventIds);
  const sources = wanted(filter.sources);
  const errorKinds = wanted(filter.errorKinds);
  const { acceptedFromMs = Number.NEGATIVE_INFINITY, acceptedToMs = Number.POSITIVE_INFINITY } = filter;
  return ({ adapter, state, type, key, eventId, source, acceptedAtMs, lastOutcome }) =>
    states.has(state) &&
    (adapters?.has(adapter) ?? true) &&
    (types?.has(type) ?? true) &&
    (keys?.has(key) ?? true) &&
    (eventIds?.has(eventId) ?? true) &&
    (sources?.has(source) ?? true) &&
    (errorKinds === undefined || (lastOutcome !== undefined && errorKinds.has(lastOutcome))) &&
    acceptedAtMs >= acceptedFromMs &&
    acceptedAtMs < acceptedToMs;
}

function wanted<Value>(values: readonly Value[] | undefined): ReadonlySet<Value> | undefined {
  return values === undefined || values.length === 0 ? undefined : new Set(values);
}

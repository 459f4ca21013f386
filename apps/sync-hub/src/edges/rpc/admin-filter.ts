import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import type { DeliveryFilterSchema, DeliveryFilter as FilterMessage } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { narrowed } from '../../access/grants.ts';
import type { Principal } from '../../access/principal.ts';
import type { DeliveryFilter } from '../../journal/delivery-filter.ts';
import type { Journal } from '../../journal/journal.ts';
import type { DeliveryQuery } from '../../operations/delivery-query.ts';
import { DELIVERY_STATES, OUTCOME_KINDS } from '../publishing/ack-message.ts';
import { unknownEvent } from '../publishing/found-event.ts';
import { invalidField, RequestError } from '../request-error.ts';
import type { AdminCall } from './admin-deps.ts';

/** A field of a filter holds at most this many values: an operator names few, a program asks again. */
const VALUES_MAX = 1_000;

/**
 * Reads the filter of a request.
 *
 * @throws {RequestError} REQUEST_INVALID naming the field, or ADAPTER_NOT_FOUND: a misspelt id would find nothing, which
 *   looks as if all were well
 */
export async function toQuery(filter: FilterMessage | undefined, known: AdminCall): Promise<DeliveryQuery> {
  if (filter === undefined) return { filter: { adapters: grantedAdapters([], known.caller) }, states: [] };
  const { adapters, types, keys, eventIds, sources, since, until } = filter;
  for (const [name, values] of Object.entries(listsOf(filter))) {
    if (values.length > VALUES_MAX) throw invalidField(`filter.${name}`, `must be at most ${VALUES_MAX}`);
  }
  const states = filter.states.map((state) => {
    const seen = wordOf(DELIVERY_STATES, state);
    if (seen === undefined) throw invalidField('filter.states', `holds ${state}, which is not a state of a delivery`);
    return seen;
  });
  const errorKinds = filter.errorKinds.map((kind) => {
    const outcome = wordOf(OUTCOME_KINDS, kind);
    // Delivered is not a failure, so nothing can have it as its last one.
    const isFailure = outcome !== undefined && outcome !== 'delivered';
    if (!isFailure) throw invalidField('filter.error_kinds', `holds ${kind}, which is not a kind of failure`);
    return outcome;
  });
  const acceptedFromMs = since && timestampMs(since);
  const acceptedToMs = until && timestampMs(until);
  if (acceptedFromMs !== undefined && acceptedToMs !== undefined && acceptedFromMs >= acceptedToMs) {
    throw invalidField('filter.until', 'must be after filter.since');
  }
  const granted = grantedAdapters(adapters, known.caller);
  await requireAdapters(granted, known);
  return {
    filter: {
      adapters: granted,
      types,
      keys,
      eventIds,
      sources,
      errorKinds,
      ...(acceptedFromMs !== undefined && { acceptedFromMs }),
      ...(acceptedToMs !== undefined && { acceptedToMs }),
    },
    states,
  };
}

/**
 * Of the adapters that are named, those that the caller may see; without any named, all that it may see.
 *
 * @throws {RequestError} PERMISSION_DENIED when none is left: an empty list means all
 */
function grantedAdapters(named: readonly string[], { name, grants }: Principal): readonly string[] {
  const granted = narrowed(named, grants.adapters) ?? [];
  if (granted.length === 0 && named.length > 0) {
    throw new RequestError('PERMISSION_DENIED', `filter.adapters names none that ${name} may see`);
  }
  return granted;
}

/** A job's filter as it was asked for. */
export function toFilterMessage(filter: DeliveryFilter): MessageInitShape<typeof DeliveryFilterSchema> {
  const { acceptedFromMs, acceptedToMs, errorKinds = [] } = filter;
  return {
    adapters: [...(filter.adapters ?? [])],
    states: (filter.states ?? []).map((state) => DELIVERY_STATES[state]),
    types: [...(filter.types ?? [])],
    keys: [...(filter.keys ?? [])],
    eventIds: [...(filter.eventIds ?? [])],
    sources: [...(filter.sources ?? [])],
    errorKinds: errorKinds.map((kind) => OUTCOME_KINDS[kind]),
    ...(acceptedFromMs !== undefined && { since: timestampFromMs(acceptedFromMs) }),
    ...(acceptedToMs !== undefined && { until: timestampFromMs(acceptedToMs) }),
  };
}

/**
 * For what asks about events that were accepted, not for a watch of those to come.
 *
 * @throws {RequestError} EVENT_NOT_FOUND naming the first of its events that is not known: as with a misspelt adapter, an
 *   empty answer would look as if all were well
 */
export async function requireEvents(
  filter: FilterMessage | undefined,
  journal: Pick<Journal, 'readEvent'>,
): Promise<void> {
  const { eventIds = [], sources = [] } = filter ?? {};
  // One after the other: each brings its payload along.
  for (const id of eventIds) {
    if (!(await isKnown(journal, id, sources)))
      throw unknownEvent({ id, source: sources.length === 1 ? sources[0] : undefined });
  }
}

async function isKnown(journal: Pick<Journal, 'readEvent'>, id: string, sources: readonly string[]): Promise<boolean> {
  for (const source of sources.length === 0 ? [undefined] : sources) {
    if ((await journal.readEvent({ id, source })).kind !== 'unknown') return true;
  }
  return false;
}

/** @throws {RequestError} REQUEST_INVALID when it names nothing: what is changed by it is named, never everything there is */
export function requireNamed(filter: FilterMessage | undefined): void {
  const named = filter !== undefined && Object.values(listsOf(filter)).some((values) => values.length > 0);
  if (!named && filter?.since === undefined && filter?.until === undefined) {
    throw invalidField('filter', 'is required: name which deliveries are meant, such as those of one adapter');
  }
}

/** @throws {RequestError} ADAPTER_NOT_FOUND naming those that there are */
export function unknownAdapter(id: string, known: readonly string[]): RequestError {
  const there = known.length === 0 ? 'it has none' : `it has ${known.join(', ')}`;
  return new RequestError('ADAPTER_NOT_FOUND', `the hub has no adapter ${JSON.stringify(id.slice(0, 128))}; ${there}`);
}

/** Adapters that have a lane, and those that ever had deliveries: what they left behind can be looked at too. */
async function requireAdapters(ids: readonly string[], { lanes, journal }: AdminCall): Promise<void> {
  if (ids.every((id) => lanes.get(id) !== undefined)) return;
  const known = new Set([...lanes].map(({ adapter }) => adapter.id));
  for (const { adapter } of (await journal.readStatistics()).lanes) known.add(adapter);
  const unknown = ids.find((id) => !known.has(id));
  if (unknown !== undefined) throw unknownAdapter(unknown, [...known].sort());
}

/** Its lists of values, by their names in the contract. */
function listsOf({ adapters, states, types, keys, eventIds, sources, errorKinds }: FilterMessage) {
  return { adapters, states, types, keys, sources, event_ids: eventIds, error_kinds: errorKinds };
}

/** The word of the core for a number of the contract; undefined when there is none. */
function wordOf<Word extends string>(numbers: Readonly<Record<Word, number>>, number: number): Word | undefined {
  return (Object.keys(numbers) as Word[]).find((word) => numbers[word] === number);
}

import { deliveryState, isOpenCode, outcomeKind, stateCodes } from '../codes.ts';
import { createMatcher, type DeliveryFilter, type FilteredDelivery, statesOf } from '../delivery-filter.ts';
import {
  compareOldestFirst,
  comparePositions,
  type DeliveryCount,
  type DeliveryPage,
  type DeliveryPosition,
  type ListDeliveriesRequest,
  type ListedDelivery,
} from '../delivery-page.ts';
import type { DeadLetter } from '../replay-job.ts';
import type { Lane } from './lane-table.ts';
import type { Parts } from './parts.ts';
import { type DeliveryValues, deliveryFromValues, prepareValues } from './rows.ts';

/** A request looks at this many deliveries at most, about 10 ms: commits wait no longer for a filter that matches few. */
const SCAN_DELIVERIES = 2_048;

/** Of history, where no index helps, this many events are read at a time. */
const HISTORY_EVENTS = 256;

/** Dead letters of one adapter that are read at a time on the way of a replay job. */
const DEAD_PAGE = 256;

/** The values of a delivery that a filter looks at, and of its event and its newest record. */
type CandidateValues = readonly [
  ...DeliveryValues,
  ...[eventId: string, source: string, type: string, acceptedAtMs: number],
  ...[lastPosition: number | null, lastOutcome: number | null],
];

type Candidate = Omit<ListedDelivery, 'latest' | 'isHeldByKey'> &
  FilteredDelivery & { readonly values: CandidateValues; readonly lastPosition: number };

type ListParts = Pick<Parts, 'database' | 'lanes' | 'events' | 'deliveries' | 'records'>;

/** Finds deliveries by a filter, newest first: over the partial indexes whenever only what is not settled is asked for. */
export class Lists {
  readonly #parts: ListParts;

  constructor(parts: ListParts) {
    this.#parts = parts;
  }

  page({ filter, limit, after }: ListDeliveriesRequest): DeliveryPage {
    const deliveries: ListedDelivery[] = [];
    const next = this.#look({ filter, after }, (candidate) => {
      deliveries.push(this.#listed(candidate));
      return deliveries.length < limit;
    });
    return { deliveries, next };
  }

  count(request: { filter: DeliveryFilter; after: DeliveryPosition | undefined }): DeliveryCount {
    let count = 0;
    const next = this.#look(request, () => {
      count++;
      return true;
    });
    return { count, next };
  }

  /** Visits what matches until the visitor has enough or enough was looked at. Where to go on; undefined at the end. */
  #look(
    { filter, after }: { filter: DeliveryFilter; after: DeliveryPosition | undefined },
    visit: (candidate: Candidate) => boolean,
  ): DeliveryPosition | undefined {
    const matches = createMatcher(filter);
    let scanned = 0;
    for (const candidate of this.#candidates(filter, after)) {
      scanned++;
      const goesOn = !matches(candidate) || visit(candidate);
      if (!goesOn || scanned === SCAN_DELIVERIES) return { seq: candidate.seq, adapter: candidate.adapter };
    }
    return undefined;
  }

  /** In the order of lists, from a place on: all that can match, and more. */
  #candidates(filter: DeliveryFilter, after: DeliveryPosition | undefined): Iterable<Candidate> {
    if (filter.eventIds !== undefined && filter.eventIds.length > 0) return this.#ofEvents(filter.eventIds, after);
    const codes = statesOf(filter).map((state) => stateCodes[state]);
    const hasOpen = codes.some(isOpenCode);
    const hasDead = codes.includes(stateCodes.dead_lettered);
    if (codes.some((code) => !isOpenCode(code) && code !== stateCodes.dead_lettered)) return this.#history(after);
    const queries = [...(hasOpen ? [LIST_QUERIES.open] : []), ...(hasDead ? [LIST_QUERIES.dead] : [])];
    const streams = this.#wantedLanes(filter).flatMap((lane) =>
      queries.map((query) => this.#stream(query, lane, after)),
    );
    return mergeSorted(streams, comparePositions);
  }

  /** All dead letters that a filter can mean, and more, after a place; events oldest first. */
  *deadLettersAfter(filter: DeliveryFilter, after: DeliveryPosition | undefined): Iterable<DeadLetter> {
    const matches = createMatcher({ ...filter, states: ['dead_lettered'] });
    for (const candidate of this.#deadOldestFirst(filter, after)) {
      yield { ...candidate, position: candidate.lastPosition, isSelected: matches(candidate) };
    }
  }

  #deadOldestFirst(filter: DeliveryFilter, after: DeliveryPosition | undefined): Iterable<Candidate> {
    if (filter.eventIds !== undefined && filter.eventIds.length > 0) {
      return [...this.#ofEvents(filter.eventIds, undefined)]
        .filter(({ state }) => state === 'dead_lettered')
        .filter((candidate) => after === undefined || compareOldestFirst(candidate, after) > 0)
        .sort(compareOldestFirst);
    }
    const streams = this.#wantedLanes(filter).map((lane) => this.#deadStream(lane, after));
    return mergeSorted(streams, compareOldestFirst);
  }

  /** Read in pages: what was read of one may change before the next is. */
  *#deadStream({ id, number }: Lane, after: DeliveryPosition | undefined): Iterable<Candidate> {
    const statement = prepareValues(this.#parts.database, LIST_QUERIES.deadOldestFirst);
    let afterSeq = 0;
    if (after !== undefined)
      afterSeq = compareOldestFirst({ seq: after.seq, adapter: id }, after) > 0 ? after.seq - 1 : after.seq;
    for (;;) {
      const rows = statement.all(number, afterSeq, DEAD_PAGE) as unknown as CandidateValues[];
      for (const row of rows) yield this.#candidate(row);
      const last = rows.at(-1);
      if (last === undefined || rows.length < DEAD_PAGE) return;
      afterSeq = last[0];
    }
  }

  #wantedLanes({ adapters }: DeliveryFilter): readonly Lane[] {
    const wanted = adapters === undefined || adapters.length === 0 ? undefined : new Set(adapters);
    return this.#parts.lanes.all.filter(({ id }) => wanted?.has(id) ?? true);
  }

  *#stream(query: string, { id, number }: Lane, after: DeliveryPosition | undefined): Iterable<Candidate> {
    // A statement of its own: several streams run at the same time.
    const rows = prepareValues(this.#parts.database, query).iterate(number, firstSeq(id, after));
    for (const row of rows) yield this.#candidate(row as unknown as CandidateValues);
  }

  #ofEvents(eventIds: readonly string[], after: DeliveryPosition | undefined): Iterable<Candidate> {
    const statement = prepareValues(this.#parts.database, LIST_QUERIES.ofEvent);
    return [...new Set(eventIds)]
      .flatMap((id) => statement.all(id) as unknown as CandidateValues[])
      .map((row) => this.#candidate(row))
      .filter((candidate) => after === undefined || comparePositions(candidate, after) > 0)
      .sort(comparePositions);
  }

  *#history(after: DeliveryPosition | undefined): Iterable<Candidate> {
    const statement = prepareValues(this.#parts.database, LIST_QUERIES.history);
    let upToSeq = after?.seq ?? Number.MAX_SAFE_INTEGER;
    while (upToSeq > 0) {
      const fromSeq = Number(
        this.#parts.database.prepare(LIST_QUERIES.historyStart).get(upToSeq, HISTORY_EVENTS)?.seq ?? 0,
      );
      if (fromSeq === 0) return;
      const rows = statement.all(fromSeq, upToSeq) as unknown as CandidateValues[];
      for (const candidate of rows.map((row) => this.#candidate(row)).sort(comparePositions)) {
        if (after === undefined || comparePositions(candidate, after) > 0) yield candidate;
      }
      upToSeq = fromSeq - 1;
    }
  }

  #candidate(values: CandidateValues): Candidate {
    const { reopened_at_ms, state, cycle, attempts, spent, crashes, ...row } = deliveryFromValues(
      values as readonly unknown[] as DeliveryValues,
    );
    const [eventId, source, type, acceptedAtMs, lastPosition, lastOutcome] = values.slice(16) as never as [
      ...[string, string, string, number, number | null, number | null],
    ];
    return {
      values,
      adapter: this.#parts.lanes.of(row.adapter).id,
      seq: row.seq,
      eventId,
      source,
      type,
      key: row.key,
      acceptedAtMs,
      state: deliveryState(state),
      cycle,
      attempts,
      spent,
      crashes,
      reopenedAtMs: reopened_at_ms ?? undefined,
      lastPosition: lastPosition ?? 0,
      lastOutcome: lastOutcome === null ? undefined : outcomeKind(lastOutcome),
    };
  }

  #listed({ values, lastPosition: _, lastOutcome: __, ...delivery }: Candidate): ListedDelivery {
    const { lanes, events, deliveries, records } = this.#parts;
    const row = deliveries.intact(values);
    events.requireIntact(row.seq);
    const lane = lanes.of(row.adapter);
    const { eventId: id, source, key } = delivery;
    const [latest] = records.newest(lane, row.seq, { id, source, key }, 1);
    return { ...delivery, isHeldByKey: isOpenCode(row.state) && deliveries.isHeldByKey(lane, row), latest };
  }
}

/** The newest event whose delivery to this adapter comes after the place. */
function firstSeq(adapter: string, after: DeliveryPosition | undefined): number {
  if (after === undefined) return Number.MAX_SAFE_INTEGER;
  return comparePositions({ seq: after.seq, adapter }, after) > 0 ? after.seq : after.seq - 1;
}

const CANDIDATE = `
  SELECT delivery.*, event.id, event.source, event.type, event.accepted_at_ms,
    ${ofNewestRecord('position')}, ${ofNewestRecord('outcome')}`;

/** The queries behind lists; exported so that a test can look at how SQLite runs them. */
export const LIST_QUERIES = {
  open: unsettledQuery('delivery_open', 'delivery.state < 2'),
  dead: unsettledQuery('delivery_dead', 'delivery.state = 4'),
  deadOldestFirst: `${CANDIDATE}
    FROM delivery INDEXED BY delivery_dead CROSS JOIN event ON event.seq = delivery.seq
    WHERE delivery.state = 4 AND delivery.adapter = ? AND delivery.seq > ? ORDER BY delivery.seq LIMIT ?`,
  ofEvent: `${CANDIDATE} FROM event CROSS JOIN delivery ON delivery.seq = event.seq WHERE event.id = ?`,
  historyStart: 'SELECT min(seq) AS seq FROM (SELECT seq FROM event WHERE seq <= ? ORDER BY seq DESC LIMIT ?)',
  history: `${CANDIDATE} FROM event CROSS JOIN delivery ON delivery.seq = event.seq WHERE event.seq BETWEEN ? AND ?`,
} as const;

function ofNewestRecord(column: string): string {
  return `(SELECT ${column} FROM record INDEXED BY record_of_delivery
    WHERE record.seq = delivery.seq AND record.adapter = delivery.adapter ORDER BY position DESC LIMIT 1)`;
}

/** INDEXED BY: a query that cannot use its partial index fails to prepare, instead of reading all deliveries. */
function unsettledQuery(index: string, condition: string): string {
  return `${CANDIDATE}
    FROM delivery INDEXED BY ${index} CROSS JOIN event ON event.seq = delivery.seq
    WHERE ${condition} AND delivery.adapter = ? AND delivery.seq <= ? ORDER BY delivery.seq DESC`;
}

/** Merges iterables that are each in order into one in order. Those that are left over are closed. */
export function* mergeSorted<Value>(
  sources: readonly Iterable<Value>[],
  compare: (left: Value, right: Value) => number,
): Iterable<Value> {
  const heads: Head<Value>[] = [];
  try {
    for (const source of sources) {
      const rest = source[Symbol.iterator]();
      const first = rest.next();
      if (!first.done) heads.push({ value: first.value, rest });
    }
    for (let least = leastOf(heads, compare); least !== undefined; least = leastOf(heads, compare)) {
      yield least.value;
      const next = least.rest.next();
      if (next.done) heads.splice(heads.indexOf(least), 1);
      else least.value = next.value;
    }
  } finally {
    for (const { rest } of heads) rest.return?.();
  }
}

/** There is one for each adapter: few, so looking at all of them is as quick as a heap. */
function leastOf<Value>(
  heads: readonly Head<Value>[],
  compare: (left: Value, right: Value) => number,
): Head<Value> | undefined {
  return heads.reduce<Head<Value> | undefined>(
    (least, head) => (least === undefined || compare(head.value, least.value) < 0 ? head : least),
    undefined,
  );
}

interface Head<Value> {
  value: Value;
  readonly rest: Iterator<Value>;
}

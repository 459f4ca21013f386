import type { DatabaseSync } from 'node:sqlite';
import { createMatcher, type DeliveryFilter, statesOf } from '../delivery-filter.ts';
import {
  compareOldestFirst,
  comparePositions,
  type DeliveryCount,
  type DeliveryPage,
  type DeliveryPosition,
  type ListDeliveriesRequest,
  type ListedDelivery,
} from '../delivery-page.ts';
import type { DeliveryRow } from '../integrity/row-checksum.ts';
import type { DeadLetter } from '../replay-step.ts';
import { deliveryState, isOpenCode, outcomeKind, stateCodes } from './codes.ts';
import type { Deliveries } from './deliveries.ts';
import type { Events } from './events.ts';
import type { Lane, Lanes } from './lanes.ts';
import { mergeSorted } from './merge-sorted.ts';
import type { Records } from './records.ts';
import { DELIVERY_COLUMNS, requireIntactDelivery } from './rows.ts';

/** A request looks at so many deliveries at most, about 10 ms: commits wait no longer for a filter that matches few. */
const SCAN_DELIVERIES = 2_048;

/** Of history, where no index helps, so many events are read at a time. */
const HISTORY_EVENTS = 256;

/** Dead letters of one adapter that are read at a time on the way of a replay job. */
const DEAD_PAGE = 256;

/** A delivery that a filter looks at, with what it needs of the event and of the last record. */
interface CandidateRow extends DeliveryRow {
  readonly event_id: string;
  readonly source: string;
  readonly type: string;
  readonly accepted_at_ms: number;
  readonly last_position: number | null;
  readonly last_outcome: number | null;
}

type Candidate = Omit<ListedDelivery, 'latest' | 'isHeldByKey'> & { readonly row: CandidateRow };

export interface ListsOptions {
  readonly database: DatabaseSync;
  readonly lanes: Lanes;
  readonly events: Events;
  readonly deliveries: Deliveries;
  readonly records: Records;
}

/** Finds deliveries by a filter, newest first: over the partial indexes whenever only what is not settled is asked for. */
export class Lists {
  readonly #parts: ListsOptions;

  constructor(parts: ListsOptions) {
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
    let looked = 0;
    for (const candidate of this.#candidates(filter, after)) {
      looked++;
      const { last_outcome: outcome } = candidate.row;
      const isMatch = matches({ ...candidate, lastOutcome: outcome === null ? undefined : outcomeKind(outcome) });
      const goesOn = !isMatch || visit(candidate);
      if (!goesOn || looked === SCAN_DELIVERIES) return { seq: candidate.seq, adapter: candidate.adapter };
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
      const { last_outcome: outcome, last_position: position } = candidate.row;
      const lastOutcome = outcome === null ? undefined : outcomeKind(outcome);
      yield { ...candidate, position: position ?? 0, isMeant: matches({ ...candidate, lastOutcome }) };
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
    const statement = this.#parts.database.prepare(LIST_QUERIES.deadOldestFirst);
    let afterSeq = 0;
    if (after !== undefined)
      afterSeq = compareOldestFirst({ seq: after.seq, adapter: id }, after) > 0 ? after.seq - 1 : after.seq;
    for (;;) {
      const rows = statement.all(number, afterSeq, DEAD_PAGE) as unknown as CandidateRow[];
      for (const row of rows) yield this.#candidate(row);
      const last = rows.at(-1);
      if (last === undefined || rows.length < DEAD_PAGE) return;
      afterSeq = last.seq;
    }
  }

  #wantedLanes({ adapters }: DeliveryFilter): readonly Lane[] {
    const wanted = adapters === undefined || adapters.length === 0 ? undefined : new Set(adapters);
    return this.#parts.lanes.all.filter(({ id }) => wanted?.has(id) ?? true);
  }

  *#stream(query: string, { id, number }: Lane, after: DeliveryPosition | undefined): Iterable<Candidate> {
    // A statement of its own: several streams run at the same time.
    const rows = this.#parts.database.prepare(query).iterate(number, firstSeq(id, after));
    for (const row of rows) yield this.#candidate(row as unknown as CandidateRow);
  }

  #ofEvents(eventIds: readonly string[], after: DeliveryPosition | undefined): Iterable<Candidate> {
    const statement = this.#parts.database.prepare(LIST_QUERIES.ofEvent);
    return [...new Set(eventIds)]
      .flatMap((id) => statement.all(id) as unknown as CandidateRow[])
      .map((row) => this.#candidate(row))
      .filter((candidate) => after === undefined || comparePositions(candidate, after) > 0)
      .sort(comparePositions);
  }

  *#history(after: DeliveryPosition | undefined): Iterable<Candidate> {
    const statement = this.#parts.database.prepare(LIST_QUERIES.history);
    let upToSeq = after?.seq ?? Number.MAX_SAFE_INTEGER;
    while (upToSeq > 0) {
      const fromSeq = Number(
        this.#parts.database.prepare(LIST_QUERIES.historyStart).get(upToSeq, HISTORY_EVENTS)?.seq ?? 0,
      );
      if (fromSeq === 0) return;
      const rows = statement.all(fromSeq, upToSeq) as unknown as CandidateRow[];
      for (const candidate of rows.map((row) => this.#candidate(row)).sort(comparePositions)) {
        if (after === undefined || comparePositions(candidate, after) > 0) yield candidate;
      }
      upToSeq = fromSeq - 1;
    }
  }

  #candidate(row: CandidateRow): Candidate {
    return {
      row,
      adapter: this.#parts.lanes.of(row.adapter).id,
      seq: row.seq,
      eventId: row.event_id,
      source: row.source,
      type: row.type,
      key: row.key,
      acceptedAtMs: row.accepted_at_ms,
      state: deliveryState(row.state),
      cycle: row.cycle,
      attempts: row.attempts,
      spent: row.spent,
      crashes: row.crashes,
      reopenedAtMs: row.reopened_at_ms ?? undefined,
    };
  }

  #listed({ row, ...delivery }: Candidate): ListedDelivery {
    const { lanes, events, deliveries, records } = this.#parts;
    requireIntactDelivery(row, lanes);
    events.requireIntact(row.seq);
    const lane = lanes.of(row.adapter);
    const [latest] = records.newest(lane, row.seq, { id: row.event_id, source: row.source, key: row.key }, 1);
    return { ...delivery, isHeldByKey: isOpenCode(row.state) && deliveries.isHeldByKey(lane, row), latest };
  }
}

/** The newest event whose delivery to this adapter comes after the place. */
function firstSeq(adapter: string, after: DeliveryPosition | undefined): number {
  if (after === undefined) return Number.MAX_SAFE_INTEGER;
  return comparePositions({ seq: after.seq, adapter }, after) > 0 ? after.seq : after.seq - 1;
}

const CANDIDATE = `
  SELECT ${DELIVERY_COLUMNS}, event.id AS event_id, event.source, event.type, event.accepted_at_ms,
    ${ofNewestRecord('position')} AS last_position, ${ofNewestRecord('outcome')} AS last_outcome`;

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

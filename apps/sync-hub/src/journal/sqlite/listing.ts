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
import type { DeadLetter } from '../replay-step.ts';
import type { Adapters } from './adapters.ts';
import { deliveryState, isOpenCode, outcomeKind, stateCodes } from './codes.ts';
import { mergeSorted } from './merge-sorted.ts';
import type { Reader } from './reader.ts';
import { DELIVERY_COLUMNS, type DeliveryRow, requireIntactDelivery } from './rows.ts';

/** A request looks at so many deliveries at most, about 10 ms: commits wait no longer for a filter that matches few. */
const SCAN_DELIVERIES = 2_048;

/** Of history, where no index helps, so many events are read at a time. */
const HISTORY_EVENTS = 256;

/** Dead letters of one adapter that are read at a time on the way of a replay job. */
const DEAD_PAGE = 256;

/** A delivery that a filter looks at, with what it needs of the event and of the last record. */
interface CandidateRow extends DeliveryRow {
  readonly event_id: string;
  readonly type: string;
  readonly accepted_at_ms: number;
  readonly last_outcome: number | null;
}

type Candidate = Omit<ListedDelivery, 'latest'> & { readonly row: CandidateRow };

export interface ListingOptions {
  readonly database: DatabaseSync;
  readonly adapters: Adapters;
  readonly reader: Reader;
}

/** Finds deliveries by a filter, newest first: over the partial indexes whenever only what is not settled is asked for. */
export class Listing {
  readonly #database: DatabaseSync;
  readonly #adapters: Adapters;
  readonly #reader: Reader;

  constructor({ database, adapters, reader }: ListingOptions) {
    this.#database = database;
    this.#adapters = adapters;
    this.#reader = reader;
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
    const streams = this.#wantedAdapters(filter).flatMap(([id, number]) => {
      const queries = [...(hasOpen ? [LIST_QUERIES.open] : []), ...(hasDead ? [LIST_QUERIES.dead] : [])];
      return queries.map((query) => this.#stream(query, { id, number, after }));
    });
    return mergeSorted(streams, comparePositions);
  }

  /** All dead letters that a filter can mean, and more, after a place; events oldest first. */
  *deadLettersAfter(filter: DeliveryFilter, after: DeliveryPosition | undefined): Iterable<DeadLetter> {
    const matches = createMatcher({ ...filter, states: ['dead_lettered'] });
    for (const candidate of this.#deadOldestFirst(filter, after)) {
      const { last_outcome: outcome, last_cursor: cursor } = candidate.row;
      const lastOutcome = outcome === null ? undefined : outcomeKind(outcome);
      yield { ...candidate, cursor, isMeant: matches({ ...candidate, lastOutcome }) };
    }
  }

  #deadOldestFirst(filter: DeliveryFilter, after: DeliveryPosition | undefined): Iterable<Candidate> {
    if (filter.eventIds !== undefined && filter.eventIds.length > 0) {
      return [...this.#ofEvents(filter.eventIds, undefined)]
        .filter(({ state }) => state === 'dead_lettered')
        .filter((candidate) => after === undefined || compareOldestFirst(candidate, after) > 0)
        .sort(compareOldestFirst);
    }
    const streams = this.#wantedAdapters(filter).map(([id, number]) => this.#deadStream(id, number, after));
    return mergeSorted(streams, compareOldestFirst);
  }

  /** Read in pages: what was read of one may change before the next is. */
  *#deadStream(id: string, number: number, after: DeliveryPosition | undefined): Iterable<Candidate> {
    const statement = this.#database.prepare(LIST_QUERIES.deadOldestFirst);
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

  #wantedAdapters({ adapters }: DeliveryFilter): readonly (readonly [id: string, number: number])[] {
    const wanted = adapters === undefined || adapters.length === 0 ? undefined : new Set(adapters);
    return this.#adapters.all().filter(([id]) => wanted?.has(id) ?? true);
  }

  *#stream(query: string, adapter: { id: string; number: number; after: DeliveryPosition | undefined }) {
    const { id, number, after } = adapter;
    // A statement of its own: several streams run at the same time.
    const rows = this.#database.prepare(query).iterate(number, firstSeq(id, after));
    for (const row of rows) yield this.#candidate(row as unknown as CandidateRow);
  }

  #ofEvents(eventIds: readonly string[], after: DeliveryPosition | undefined): Iterable<Candidate> {
    const statement = this.#database.prepare(LIST_QUERIES.ofEvent);
    return [...new Set(eventIds)]
      .flatMap((id) => statement.all(id) as unknown as CandidateRow[])
      .map((row) => this.#candidate(row))
      .filter((candidate) => after === undefined || comparePositions(candidate, after) > 0)
      .sort(comparePositions);
  }

  *#history(after: DeliveryPosition | undefined): Iterable<Candidate> {
    const statement = this.#database.prepare(LIST_QUERIES.history);
    let upToSeq = after?.seq ?? Number.MAX_SAFE_INTEGER;
    while (upToSeq > 0) {
      const fromSeq = Number(this.#database.prepare(LIST_QUERIES.historyStart).get(upToSeq, HISTORY_EVENTS)?.seq ?? 0);
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
      adapter: this.#adapters.id(row.adapter),
      seq: row.seq,
      eventId: row.event_id,
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
    requireIntactDelivery(row, this.#adapters);
    this.#reader.requireIntactHead(row.seq);
    return { ...delivery, latest: this.#reader.readRecord(row.last_cursor, row.event_id) };
  }
}

/** The newest event whose delivery to this adapter comes after the place. */
function firstSeq(adapter: string, after: DeliveryPosition | undefined): number {
  if (after === undefined) return Number.MAX_SAFE_INTEGER;
  return comparePositions({ seq: after.seq, adapter }, after) > 0 ? after.seq : after.seq - 1;
}

const CANDIDATE = `
  SELECT ${DELIVERY_COLUMNS}, event.id AS event_id, event.type, event.accepted_at_ms,
    (SELECT outcome FROM record WHERE record.cursor = delivery.last_cursor) AS last_outcome`;

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

/** INDEXED BY: a query that cannot use its partial index fails to prepare, instead of reading all deliveries. */
function unsettledQuery(index: string, condition: string): string {
  return `${CANDIDATE}
    FROM delivery INDEXED BY ${index} CROSS JOIN event ON event.seq = delivery.seq
    WHERE ${condition} AND delivery.adapter = ? AND delivery.seq <= ? ORDER BY delivery.seq DESC`;
}

import type { DatabaseSync } from 'node:sqlite';
import type { OpenDelivery, RecordedDelivery } from '../../core/delivery.ts';
import type {
  FetchRequest,
  FetchResult,
  ReadRecordsRequest,
  ReadRecordsResult,
  StoredBreaker,
  StoredDelivery,
  StoredEvent,
} from '../journal.ts';
import type { DuplicateEvent } from '../request.ts';
import type { Adapters } from './adapters.ts';
import { deliveryState } from './codes.ts';
import { EVENT_COLUMNS, type EventRow, eventFromRow, type RecordRow, recordFromRow } from './rows.ts';

interface CountsRow {
  readonly cycle: number;
  readonly attempts: number;
  readonly spent: number;
  readonly crashes: number;
}

interface OpenDeliveryRow extends EventRow, CountsRow {
  readonly not_before_ms: number;
}

interface DeliveryRow extends CountsRow {
  readonly adapter: number;
  readonly state: number;
  readonly last_cursor: number;
}

interface AcceptedRow extends EventRow {
  readonly content_hash: Uint8Array;
  readonly last_cursor: number;
}

/** Reads events, deliveries, records and breakers as the open transaction sees them. */
export class Reader {
  readonly #adapters: Adapters;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: DatabaseSync, adapters: Adapters) {
    this.#adapters = adapters;
    this.#statements = prepare(database);
  }

  /** An event as it was accepted, and what tells a duplicate from a conflict. */
  readAccepted(id: string): (DuplicateEvent & { readonly contentHash: Uint8Array }) | undefined {
    const row = this.#statements.selectEvent.get(id) as AcceptedRow | undefined;
    if (row === undefined) return undefined;
    const event = eventFromRow(row, this.#adapters);
    return { event, lastCursor: row.last_cursor, contentHash: row.content_hash };
  }

  fetchOpen(request: FetchRequest, lastSeq: number): FetchResult {
    const toSeq = Math.min(request.upToSeq ?? lastSeq, lastSeq);
    const deliveries: OpenDelivery[] = [];
    let payloadBytes = 0;
    for (const row of this.#openRows(request, toSeq)) {
      payloadBytes += row.data.byteLength;
      const last = deliveries.at(-1);
      if (last !== undefined && payloadBytes > request.limitBytes) {
        return { deliveries, scannedToSeq: last.event.seq };
      }
      const { cycle, attempts, spent, crashes, not_before_ms: notBeforeMs } = row;
      const event = eventFromRow(row, this.#adapters);
      deliveries.push({ event, cycle, attempts, spent, crashes, notBeforeMs });
      if (deliveries.length === request.limit) return { deliveries, scannedToSeq: event.seq };
    }
    return { deliveries, scannedToSeq: Math.max(request.afterSeq, toSeq) };
  }

  readEvent(id: string): StoredEvent | undefined {
    const accepted = this.readAccepted(id);
    if (accepted === undefined) return undefined;
    const { event } = accepted;
    const rows = this.#statements.selectDeliveries.all(event.seq) as unknown as DeliveryRow[];
    const deliveries = rows.map((row): StoredDelivery => {
      const { cycle, attempts, spent, crashes } = row;
      const records = this.#chain(row.last_cursor, event.id);
      const adapter = this.#adapters.id(row.adapter);
      return { adapter, state: deliveryState(row.state), cycle, attempts, spent, crashes, records };
    });
    return { event, deliveries: deliveries.sort((left, right) => (left.adapter < right.adapter ? -1 : 1)) };
  }

  readRecords({ afterCursor, limit }: ReadRecordsRequest, lastCursor: number): ReadRecordsResult {
    const rows = this.#statements.selectRecords.all(afterCursor, limit) as unknown as (RecordRow & {
      readonly event_id: string;
    })[];
    const records = rows.map((row) => recordFromRow(row, row.event_id, this.#adapters));
    const isMore = records.length === limit;
    const last = isMore ? records.at(-1) : undefined;
    return { records, scannedToCursor: last?.cursor ?? Math.max(afterCursor, lastCursor) };
  }

  readBreakers(): readonly StoredBreaker[] {
    return this.#statements.selectBreakers.all().map((row) => ({
      adapter: String(row.adapter),
      state: row.state as StoredBreaker['state'],
      sinceMs: Number(row.since_ms),
      cause: String(row.cause),
    }));
  }

  #openRows({ adapter, key, afterSeq, limit }: FetchRequest, toSeq: number): Iterable<OpenDeliveryRow> {
    const number = this.#adapters.find(adapter);
    if (number === undefined) return [];
    const { selectOpen, selectOpenOfKey, selectOpenWithoutKey } = this.#statements;
    // Only an ordering key is indexed; nobody waits in line behind the empty one.
    if (key === undefined) return open(selectOpen.iterate(number, afterSeq, toSeq, limit));
    if (key === '') return open(selectOpenWithoutKey.iterate(number, afterSeq, toSeq, limit));
    return open(selectOpenOfKey.iterate(number, key, afterSeq, toSeq, limit));
  }

  /** A delivery's records, oldest first, found from its last one backwards. */
  #chain(lastCursor: number, eventId: string): readonly RecordedDelivery[] {
    const records: RecordedDelivery[] = [];
    for (let cursor = lastCursor; cursor !== 0; ) {
      const row = this.#statements.selectRecord.get(cursor) as RecordRow | undefined;
      if (row === undefined) throw new Error(`the journal misses record ${cursor}`);
      records.push(recordFromRow(row, eventId, this.#adapters));
      cursor = row.previous;
    }
    return records.reverse();
  }
}

function open(rows: Iterable<unknown>): Iterable<OpenDeliveryRow> {
  return rows as Iterable<OpenDeliveryRow>;
}

/** The queries for open deliveries; exported so that a test can look at how SQLite runs them. */
export const OPEN_QUERIES = {
  all: openQuery('delivery_open', 'delivery.adapter = ?'),
  ofKey: openQuery('delivery_open_of_key', "delivery.adapter = ? AND delivery.key = ? AND delivery.key <> ''"),
  withoutKey: openQuery('delivery_open', "delivery.adapter = ? AND delivery.key = ''"),
} as const;

/** INDEXED BY: a query that cannot use its partial index fails to prepare, instead of reading all deliveries. */
function openQuery(index: string, condition: string): string {
  return `
    SELECT ${EVENT_COLUMNS}, delivery.cycle, delivery.attempts, delivery.spent, delivery.crashes,
      delivery.not_before_ms
    FROM delivery INDEXED BY ${index} CROSS JOIN event ON event.seq = delivery.seq
    WHERE delivery.state < 2 AND ${condition} AND delivery.seq > ? AND delivery.seq <= ?
    ORDER BY delivery.seq LIMIT ?`;
}

function prepare(database: DatabaseSync) {
  return {
    selectEvent: database.prepare(`SELECT ${EVENT_COLUMNS}, content_hash, last_cursor FROM event WHERE id = ?`),
    selectOpen: database.prepare(OPEN_QUERIES.all),
    selectOpenOfKey: database.prepare(OPEN_QUERIES.ofKey),
    selectOpenWithoutKey: database.prepare(OPEN_QUERIES.withoutKey),
    selectDeliveries: database.prepare(
      'SELECT adapter, state, cycle, attempts, spent, crashes, last_cursor FROM delivery WHERE seq = ?',
    ),
    selectRecord: database.prepare('SELECT * FROM record WHERE cursor = ?'),
    selectRecords: database.prepare(`
      SELECT record.*, event.id AS event_id FROM record JOIN event ON event.seq = record.seq
      WHERE record.cursor > ? ORDER BY record.cursor LIMIT ?`),
    selectBreakers: database.prepare('SELECT adapter, state, since_ms, cause FROM breaker ORDER BY adapter'),
  };
}

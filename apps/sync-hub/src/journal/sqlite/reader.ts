import type { DatabaseSync } from 'node:sqlite';
import type { OpenDelivery, RecordedDelivery } from '../../core/delivery.ts';
import type { AcceptedEvent } from '../../core/event.ts';
import type { DeadLetterOfKey } from '../../core/held-keys.ts';
import {
  type FetchRequest,
  type FetchResult,
  type ReadRecordsRequest,
  type ReadRecordsResult,
  readRecordsShare,
  type StoredBreaker,
  type StoredDelivery,
  type StoredEvent,
  type StoredLane,
} from '../journal.ts';
import type { ReplayJob } from '../replay-job.ts';
import type { DuplicateEvent } from '../request.ts';
import type { Adapters } from './adapters.ts';
import { deliveryState, stateCodes } from './codes.ts';
import { Damage } from './damage.ts';
import {
  DELIVERY_COLUMNS,
  type DeliveryRow,
  EVENT_COLUMNS,
  EVENT_HEAD_COLUMNS,
  type EventHeadRow,
  type EventRow,
  eventFromRow,
  type RecordRow,
  recordFromRow,
  requireIntactDelivery,
  requireIntactHead,
} from './rows.ts';

/** An event and its delivery, whose columns of the same names are told apart. */
interface OpenDeliveryRow extends EventRow, Omit<DeliveryRow, 'checksum'> {
  readonly delivery_key: string;
  readonly delivery_last_cursor: number;
  readonly delivery_checksum: number | null;
  /** When it was recorded to be tried again; null when it was not in this cycle. */
  readonly recorded_at_ms: number | null;
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
    const row = this.#statements.selectEvent.get(id) as EventRow | undefined;
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
      this.#requireIntactDelivery(row);
      const asOfMs = row.recorded_at_ms ?? row.reopened_at_ms ?? event.acceptedAtMs;
      deliveries.push({ event, cycle, attempts, spent, crashes, notBeforeMs, asOfMs });
      if (deliveries.length === request.limit) return { deliveries, scannedToSeq: event.seq };
    }
    return { deliveries, scannedToSeq: Math.max(request.afterSeq, toSeq) };
  }

  readEvent(id: string): StoredEvent | undefined {
    const accepted = this.readAccepted(id);
    if (accepted === undefined) return undefined;
    const { event } = accepted;
    const rows = this.#statements.selectDeliveries.all(event.seq) as unknown as DeliveryRow[];
    const recordsMax = readRecordsShare(rows.length);
    const deliveries = rows.map((row): StoredDelivery => {
      requireIntactDelivery(row, this.#adapters);
      const { cycle, attempts, spent, crashes } = row;
      const adapter = this.#adapters.id(row.adapter);
      const counts = { cycle, attempts, spent, crashes };
      return { adapter, state: deliveryState(row.state), ...counts, ...this.#newestRecords(row, event.id, recordsMax) };
    });
    return { event, deliveries: deliveries.sort((left, right) => (left.adapter < right.adapter ? -1 : 1)) };
  }

  /** An open or settled event by its seq; undefined when there is none. */
  readBySeq(seq: number): AcceptedEvent | undefined {
    const row = this.#statements.selectEventBySeq.get(seq) as EventRow | undefined;
    return row && eventFromRow(row, this.#adapters);
  }

  /** @throws Damage when the event is not as it was written; its payload is not looked at. */
  requireIntactHead(seq: number): void {
    const row = this.#statements.selectEventHead.get(seq) as EventHeadRow | undefined;
    if (row === undefined) throw new Damage(`seq ${seq} is missing`);
    requireIntactHead(row, this.#adapters);
  }

  /** @throws Damage when a delivery of the event is not as it was written, or its newest record is not its own. */
  requireIntactDeliveries(seq: number): void {
    for (const row of this.#statements.selectDeliveries.all(seq) as unknown as DeliveryRow[]) {
      requireIntactDelivery(row, this.#adapters);
      if (row.last_cursor !== 0) this.#linkedRecord(row, row.last_cursor);
    }
  }

  /** One record, for whose event's id the caller stands; undefined for cursor 0, which ends a chain. */
  readRecord(cursor: number, eventId: string): RecordedDelivery | undefined {
    return cursor === 0 ? undefined : recordFromRow(this.#recordRow(cursor), eventId, this.#adapters);
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

  readDeadLetterKeys(adapter: string): readonly DeadLetterOfKey[] {
    const rows = this.#statements.selectDeadLetterKeys.all(this.#adapters.find(adapter) ?? 0);
    const deadLetters = rows.map((row) => ({ key: String(row.key), seq: Number(row.seq) }));
    return deadLetters.sort((left, right) => left.seq - right.seq);
  }

  readLanes(): readonly StoredLane[] {
    return this.#statements.selectLanes.all().map((row) => ({
      adapter: String(row.adapter),
      pause: { reason: String(row.reason), sinceMs: Number(row.since_ms) },
    }));
  }

  readJobs(): readonly ReplayJob[] {
    return this.#statements.selectJobs.all().map((row) => JSON.parse(String(row.content)) as ReplayJob);
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

  /** A delivery's newest records, oldest first, found from its last one backwards. */
  #newestRecords(
    delivery: DeliveryRow,
    eventId: string,
    recordsMax: number,
  ): Pick<StoredDelivery, 'records' | 'hasOlderRecords'> {
    const records: RecordedDelivery[] = [];
    let cursor = delivery.last_cursor;
    while (cursor !== 0 && records.length < recordsMax) {
      const row = this.#linkedRecord(delivery, cursor);
      records.push(recordFromRow(row, eventId, this.#adapters));
      cursor = row.previous;
    }
    return { records: records.reverse(), hasOlderRecords: cursor !== 0 };
  }

  #linkedRecord({ seq, adapter }: DeliveryRow, cursor: number): RecordRow {
    const row = this.#recordRow(cursor);
    // Each comes before the next, so a chain that was bent cannot go in circles.
    if (row.seq !== seq || row.adapter !== adapter || row.previous >= cursor) {
      throw new Damage(`record ${cursor} is not in its place among those of seq ${seq}`);
    }
    return row;
  }

  #recordRow(cursor: number): RecordRow {
    const row = this.#statements.selectRecord.get(cursor) as RecordRow | undefined;
    if (row === undefined) throw new Damage(`record ${cursor} is missing`);
    return row;
  }

  #requireIntactDelivery(row: OpenDeliveryRow): void {
    const { delivery_last_cursor: last_cursor, delivery_checksum: checksum } = row;
    requireIntactDelivery({ ...row, last_cursor, checksum }, this.#adapters);
    if (row.delivery_key !== row.key) throw new Damage(`the key of seq ${row.seq} is not that of its delivery`);
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
    SELECT ${EVENT_COLUMNS}, delivery.adapter, delivery.key AS delivery_key, delivery.state, delivery.cycle,
      delivery.attempts, delivery.spent, delivery.crashes, delivery.not_before_ms, delivery.reopened_at_ms,
      delivery.last_cursor AS delivery_last_cursor, delivery.checksum AS delivery_checksum,
      record.at_ms AS recorded_at_ms
    FROM delivery INDEXED BY ${index} CROSS JOIN event ON event.seq = delivery.seq
      LEFT JOIN record ON record.cursor = delivery.last_cursor AND delivery.state = ${stateCodes.retrying}
    WHERE delivery.state < 2 AND ${condition} AND delivery.seq > ? AND delivery.seq <= ?
    ORDER BY delivery.seq LIMIT ?`;
}

function prepare(database: DatabaseSync) {
  return {
    selectEvent: database.prepare(`SELECT ${EVENT_COLUMNS} FROM event WHERE id = ?`),
    selectEventBySeq: database.prepare(`SELECT ${EVENT_COLUMNS} FROM event WHERE seq = ?`),
    selectOpen: database.prepare(OPEN_QUERIES.all),
    selectOpenOfKey: database.prepare(OPEN_QUERIES.ofKey),
    selectOpenWithoutKey: database.prepare(OPEN_QUERIES.withoutKey),
    selectEventHead: database.prepare(`SELECT ${EVENT_HEAD_COLUMNS} FROM event WHERE seq = ?`),
    selectDeliveries: database.prepare(`SELECT ${DELIVERY_COLUMNS} FROM delivery WHERE seq = ?`),
    selectRecord: database.prepare('SELECT * FROM record WHERE cursor = ?'),
    selectRecords: database.prepare(`
      SELECT record.*, event.id AS event_id FROM record JOIN event ON event.seq = record.seq
      WHERE record.cursor > ? ORDER BY record.cursor LIMIT ?`),
    selectDeadLetterKeys: database.prepare(`
      SELECT key, seq FROM delivery INDEXED BY delivery_dead_of_key WHERE adapter = ? AND state = 4 AND key <> ''`),
    selectLanes: database.prepare('SELECT adapter, reason, since_ms FROM lane_pause ORDER BY adapter'),
    selectJobs: database.prepare('SELECT content FROM replay_job ORDER BY created_at_ms, id'),
    selectBreakers: database.prepare('SELECT adapter, state, since_ms, cause FROM breaker ORDER BY adapter'),
  };
}

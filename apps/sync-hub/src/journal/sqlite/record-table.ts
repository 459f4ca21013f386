import type { DatabaseSync } from 'node:sqlite';
import type { DeliveryCounts, DeliveryRecord, RecordedDelivery } from '../../core/delivery.ts';
import type { SyncEvent } from '../../core/event.ts';
import { outcomeCodes, stateCodes } from '../codes.ts';
import { rowChecksum } from '../integrity/row-checksum.ts';
import type { DiscardRequest, ReadRecordsRequest, ReadRecordsResult } from '../journal.ts';
import type { Lane, LaneTable } from './lane-table.ts';
import {
  prepareInsert,
  prepareValues,
  type RecordedEvent,
  type RecordValues,
  recordFromValues,
  SUMMED,
} from './rows.ts';

/** The rows of the table record: only ever appended to, each lane's by its own count. */
export class RecordTable {
  readonly #lanes: LaneTable;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: DatabaseSync, lanes: LaneTable) {
    this.#lanes = lanes;
    this.#statements = prepare(database);
  }

  /** Its position. */
  append(lane: Lane, record: DeliveryRecord): number {
    const { attempt } = record;
    const position = lane.position + 1;
    const values = [
      lane.number,
      position,
      record.seq,
      record.adapterVersion,
      stateCodes[record.state],
      record.cycle,
      record.attempts,
      record.spent,
      record.crashes,
      record.atMs,
      record.nextAttemptAtMs,
      attempt === undefined ? null : outcomeCodes[attempt.outcome],
      attempt?.startedAtMs ?? null,
      attempt?.durationMs ?? null,
      attempt?.receipt ?? null,
      attempt?.failure?.code ?? null,
      (attempt === undefined ? record.reason : attempt.failure?.message) ?? null,
      0,
    ];
    values[SUMMED.record] = rowChecksum(values, SUMMED.record, record.eventId, record.source);
    this.#statements.insert.run(...values);
    lane.position = position;
    return position;
  }

  /** Of a delivery the newest ones, at most this many, newest first. */
  newest(lane: Lane, seq: number, event: RecordedEvent, limit: number): RecordedDelivery[] {
    const rows = this.#statements.selectNewest.all(seq, lane.number, limit) as unknown as RecordValues[];
    return rows.map((values) => recordFromValues(values, event, this.#lanes));
  }

  /** The position of the first record that is kept of a delivery; undefined when it has none. */
  firstPosition(lane: Lane, seq: number): number | undefined {
    const first = this.#statements.selectFirst.get(seq, lane.number)?.position ?? undefined;
    return first === undefined ? undefined : Number(first);
  }

  /** Lane by lane. */
  read({ after, limit }: ReadRecordsRequest): ReadRecordsResult {
    const records: RecordedDelivery[] = [];
    for (const lane of this.#lanes.all) {
      const from = after.get(lane.id) ?? 0;
      if (from >= lane.position) continue;
      // One more than fits says whether there are others.
      const rows = this.#statements.select.all(lane.number, from, limit + 1 - records.length);
      for (const values of rows as unknown as unknown[][]) {
        if (records.length === limit) return { records, isEnd: false };
        const [id, source, key] = values.slice(-3) as [string, string, string];
        records.push(recordFromValues(values as unknown as RecordValues, { id, source, key }, this.#lanes));
      }
    }
    return { records, isEnd: true };
  }
}

function prepare(database: DatabaseSync) {
  return {
    insert: prepareInsert(database, 'record'),
    select: prepareValues(
      database,
      `SELECT record.*, event.id, event.source, event.key FROM record CROSS JOIN event USING (seq)
      WHERE record.adapter = ? AND record.position > ? ORDER BY record.position LIMIT ?`,
    ),
    selectNewest: prepareValues(
      database,
      `SELECT * FROM record INDEXED BY record_of_delivery WHERE seq = ? AND adapter = ? ORDER BY position DESC LIMIT ?`,
    ),
    selectFirst: database.prepare(`
      SELECT min(position) AS position FROM record INDEXED BY record_of_delivery WHERE seq = ? AND adapter = ?`),
  };
}

/** What is recorded of a delivery that is settled without an attempt: its counts stay as they were. */
export function unattemptedRecord(
  { adapter, seq, atMs, reason }: Pick<DiscardRequest, 'adapter' | 'seq' | 'atMs' | 'reason'>,
  { id, source, key }: Pick<SyncEvent, 'id' | 'source' | 'key'>,
  { cycle, attempts, spent, crashes }: DeliveryCounts,
  state: 'discarded' | 'dead_lettered',
): DeliveryRecord {
  const counts = { cycle, attempts, spent, crashes };
  const event = { seq, eventId: id, source, key };
  return { adapter, ...event, adapterVersion: '', state, ...counts, atMs, nextAttemptAtMs: 0, reason };
}

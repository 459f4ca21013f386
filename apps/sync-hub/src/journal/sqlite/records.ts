import type { DatabaseSync } from 'node:sqlite';
import type { DeliveryRecord, RecordedDelivery } from '../../core/delivery.ts';
import { type RecordRow, recordChecksum } from '../integrity/row-checksum.ts';
import type { ReadRecordsRequest, ReadRecordsResult } from '../journal.ts';
import { outcomeCodes, stateCodes } from './codes.ts';
import type { Lane, Lanes } from './lanes.ts';
import { type RecordedEvent, recordFromRow } from './rows.ts';

type RecordOfEvent = RecordRow & {
  readonly event_id: string;
  readonly event_source: string;
  readonly event_key: string;
};

/** The rows of the table record: only ever appended to, each lane's by its own count. */
export class Records {
  readonly #lanes: Lanes;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: DatabaseSync, lanes: Lanes) {
    this.#lanes = lanes;
    this.#statements = prepare(database);
  }

  /** Its position. */
  append(lane: Lane, record: DeliveryRecord): number {
    const { attempt } = record;
    const row = {
      adapter: lane.number,
      position: lane.position + 1,
      seq: record.seq,
      version: record.adapterVersion,
      state: stateCodes[record.state],
      cycle: record.cycle,
      attempts: record.attempts,
      spent: record.spent,
      crashes: record.crashes,
      at_ms: record.atMs,
      next_attempt_at_ms: record.nextAttemptAtMs,
      outcome: attempt === undefined ? null : outcomeCodes[attempt.outcome],
      started_at_ms: attempt?.startedAtMs ?? null,
      duration_ms: attempt?.durationMs ?? null,
      receipt: attempt?.receipt ?? null,
      code: attempt?.failure?.code ?? null,
      message: (attempt === undefined ? record.reason : attempt.failure?.message) ?? null,
    };
    this.#statements.insert.run(
      row.adapter,
      row.position,
      row.seq,
      row.version,
      row.state,
      row.cycle,
      row.attempts,
      row.spent,
      row.crashes,
      row.at_ms,
      row.next_attempt_at_ms,
      row.outcome,
      row.started_at_ms,
      row.duration_ms,
      row.receipt,
      row.code,
      row.message,
      recordChecksum(row, { id: record.eventId, source: record.source }),
    );
    lane.position = row.position;
    return row.position;
  }

  /** Of a delivery the newest ones, at most so many, newest first. */
  newest(lane: Lane, seq: number, event: RecordedEvent, limit: number): RecordedDelivery[] {
    const rows = this.#statements.selectNewest.all(seq, lane.number, limit) as unknown as RecordRow[];
    return rows.map((row) => recordFromRow(row, event, this.#lanes));
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
      for (const row of rows as unknown as RecordOfEvent[]) {
        if (records.length === limit) return { records, isEnd: false };
        const event = { id: row.event_id, source: row.event_source, key: row.event_key };
        records.push(recordFromRow(row, event, this.#lanes));
      }
    }
    return { records, isEnd: true };
  }
}

function prepare(database: DatabaseSync) {
  return {
    insert: database.prepare(`
      INSERT INTO record (adapter, position, seq, version, state, cycle, attempts, spent, crashes, at_ms,
        next_attempt_at_ms, outcome, started_at_ms, duration_ms, receipt, code, message, checksum)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    select: database.prepare(`
      SELECT record.*, event.id AS event_id, event.source AS event_source, event.key AS event_key
      FROM record CROSS JOIN event USING (seq)
      WHERE record.adapter = ? AND record.position > ? ORDER BY record.position LIMIT ?`),
    selectNewest: database.prepare(`
      SELECT * FROM record INDEXED BY record_of_delivery WHERE seq = ? AND adapter = ? ORDER BY position DESC LIMIT ?`),
    selectFirst: database.prepare(`
      SELECT min(position) AS position FROM record INDEXED BY record_of_delivery WHERE seq = ? AND adapter = ?`),
  };
}

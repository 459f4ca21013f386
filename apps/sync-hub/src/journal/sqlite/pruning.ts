import type { DatabaseSync } from 'node:sqlite';
import type { PruneRequest, PruneResult } from '../journal.ts';
import type { Lane, LaneTable } from './lane-table.ts';
import type { Parts } from './parts.ts';
import type { StalenessIndex } from './staleness-index.ts';

/** An event that may have had its time. */
interface AgedRow {
  readonly seq: number;
  readonly key: string;
  readonly accepted_at_ms: number;
  /** Deliveries that are open or dead letters. */
  readonly wanted: number;
}

/** A delivery with its newest record; 0 when it has none. */
interface Settled {
  readonly lane: Lane;
  readonly position: number;
  readonly atMs: number;
}

/** Deletes events that have had their time. The file does not shrink; what they leave is used again. */
export class Pruning {
  readonly #lanes: LaneTable;
  readonly #stalenessIndex: StalenessIndex;
  readonly #statements: ReturnType<typeof prepare>;

  constructor({ database, lanes, stalenessIndex }: Parts) {
    this.#lanes = lanes;
    this.#stalenessIndex = stalenessIndex;
    this.#statements = prepare(database);
  }

  /** The newest event is kept: numbers are counted on from it. */
  prune({ settledBeforeMs, afterSeq = 0, maxEvents, maxRecords }: PruneRequest, lastSeq: number): PruneResult {
    const rows = this.#statements.selectAged.all(afterSeq, maxEvents) as unknown as AgedRow[];
    let [events, records] = [0, 0];
    for (const row of rows) {
      if (row.wanted > 0 || row.seq === lastSeq || row.accepted_at_ms >= settledBeforeMs) continue;
      const deliveries = this.#settled(row.seq);
      if (deliveries.some(({ atMs }) => atMs >= settledBeforeMs)) continue;
      if (records >= maxRecords) return { events, records, next: row.seq - 1 };
      const older = this.#deleteOlder(row.seq, deliveries, maxRecords - records);
      records += older.deleted;
      if (older.isMore) return { events, records, next: row.seq - 1 };
      records += this.#delete(row, deliveries);
      events += 1;
    }
    // Younger ones follow; one alone may be a jump of the clock.
    const isYoung = rows.every((row) => row.accepted_at_ms >= settledBeforeMs);
    return { events, records, next: rows.length < maxEvents || isYoung ? undefined : rows.at(-1)?.seq };
  }

  /** In alphabetical order of the adapters. */
  #settled(seq: number): readonly Settled[] {
    return this.#statements.selectSettled.all(seq).map((row) => ({
      lane: this.#lanes.of(Number(row.adapter)),
      position: Number(row.position ?? 0),
      atMs: Number(row.at_ms ?? 0),
    }));
  }

  /** Deletes, of each delivery, records before its newest, which says its outcome until all of it is deleted. */
  #deleteOlder(seq: number, deliveries: readonly Settled[], recordsMax: number) {
    let deleted = 0;
    for (const { lane, position } of deliveries) {
      if (position === 0) continue;
      const limit = recordsMax - deleted;
      const { changes } = this.#statements.deleteOlder.run(lane.number, seq, lane.number, position, limit);
      deleted += Number(changes);
      if (deleted === recordsMax && this.#statements.selectOlder.get(seq, lane.number, position) !== undefined) {
        return { deleted, isMore: true };
      }
    }
    return { deleted, isMore: false };
  }

  /** How many records went with it. */
  #delete({ seq, key }: AgedRow, deliveries: readonly Settled[]): number {
    for (const { lane, position } of deliveries) {
      if (position === lane.position) this.#lanes.keepPosition(lane);
      this.#statements.deleteRecord.run(lane.number, position);
    }
    this.#statements.deleteDeliveries.run(seq);
    this.#statements.deleteEvent.run(seq);
    for (const { lane } of deliveries) this.#stalenessIndex.forget(lane, key);
    return deliveries.filter(({ position }) => position > 0).length;
  }
}

function prepare(database: DatabaseSync) {
  const older =
    'SELECT position FROM record INDEXED BY record_of_delivery WHERE seq = ? AND adapter = ? AND position < ?';
  return {
    selectAged: database.prepare(`
      SELECT seq, key, accepted_at_ms,
        (SELECT count(*) FROM delivery WHERE delivery.seq = event.seq AND (state < 2 OR state = 4)) AS wanted
      FROM event WHERE seq > ? ORDER BY seq LIMIT ?`),
    selectSettled: database.prepare(`
      SELECT delivery.adapter, record.position, record.at_ms
      FROM delivery CROSS JOIN adapter ON number = delivery.adapter
        LEFT JOIN record ON record.adapter = delivery.adapter AND record.position =
          (SELECT max(position) FROM record AS newest INDEXED BY record_of_delivery
            WHERE newest.seq = delivery.seq AND newest.adapter = delivery.adapter)
      WHERE delivery.seq = ? ORDER BY adapter.id`),
    selectOlder: database.prepare(`${older} LIMIT 1`),
    deleteOlder: database.prepare(`
      DELETE FROM record WHERE adapter = ? AND position IN (${older} ORDER BY position LIMIT ?)`),
    deleteRecord: database.prepare('DELETE FROM record WHERE adapter = ? AND position = ?'),
    deleteDeliveries: database.prepare('DELETE FROM delivery WHERE seq = ?'),
    deleteEvent: database.prepare('DELETE FROM event WHERE seq = ?'),
  };
}
